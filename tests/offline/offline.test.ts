// One file for all cases: Node's runner gives each file a process, and one build is enough.

import { after } from "node:test";
import "./cases/tabs.js";
import "./cases/network.js";
import "./cases/files.js";
import "./cases/keyboard.js";
import "./cases/looks.js";
import "./cases/trouble.js";
import "./cases/updates.js";
import { shutDown } from "./support/browser.js";

after(shutDown);
