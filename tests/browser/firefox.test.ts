import { inBrowser } from "./cases/all.js";
import { Firefox } from "./support/firefox.js";

inBrowser(new Firefox());
