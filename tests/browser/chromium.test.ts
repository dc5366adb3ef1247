import { inBrowser } from "./cases/all.js";
import { conformanceWithoutGetAllRecords } from "./cases/conformance.js";
import { damage } from "./chromium/damage.js";
import { eviction } from "./chromium/eviction.js";
import { forbidden } from "./chromium/forbidden.js";
import { frozen } from "./chromium/frozen.js";
import { quota } from "./chromium/quota.js";
import { Chromium } from "./support/chromium.js";

inBrowser(new Chromium(), conformanceWithoutGetAllRecords, damage, eviction, forbidden, frozen, quota);
