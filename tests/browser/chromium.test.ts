import { inBrowser } from "./cases/all.js";
import { conformanceWithoutGetAllRecords } from "./cases/conformance.js";
import { eviction } from "./chromium/eviction.js";
import { quota } from "./chromium/quota.js";
import { sandboxed } from "./chromium/sandboxed.js";
import { Chromium } from "./support/chromium.js";

inBrowser(new Chromium(), conformanceWithoutGetAllRecords, eviction, quota, sandboxed);
