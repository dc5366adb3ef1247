// Everything that needs a real browser, in one file: Node's runner gives each file a process, and one Chromium is enough.

import { after } from "node:test";
import "./cases/conformance.js";
import "./cases/shared-cases.js";
import "./cases/tabs.js";
import "./cases/crash.js";
import "./cases/following.js";
import "./cases/leases.js";
import "./cases/workers.js";
import "./cases/connection.js";
import "./cases/room.js";
import "./cases/eviction.js";
import "./cases/absent.js";
import "./cases/restart.js";
import { shutDown } from "./support/chromium.js";

after(shutDown);
