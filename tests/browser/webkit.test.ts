import { inBrowser } from "./cases/all.js";
import { WebKit } from "./support/webkit.js";

inBrowser(new WebKit());
