// What tests find in every tab: the packages as a page imports them, bundled.

import * as core from "streamkit";
import { indexedDbHost } from "streamkit/indexeddb";
import * as testing from "streamkit/testing";
import * as conformance from "./conformance.js";
import * as scenes from "./scenes.js";
import * as sharedCases from "./shared-cases.js";
import * as workers from "./workers.js";

export const modules = { ...core, ...testing, ...conformance, ...scenes, ...sharedCases, ...workers, indexedDbHost };

declare global {
	var streamkit: typeof modules;
}

globalThis.streamkit = modules;
