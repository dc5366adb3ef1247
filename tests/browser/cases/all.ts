// Everything that is tested in every browser. One process for all: one browser is enough.

import { after, describe } from "node:test";
import type { Browser } from "../support/browser.js";
import { stopSites } from "../support/site.js";
import { absent } from "./absent.js";
import { conformance } from "./conformance.js";
import { connection } from "./connection.js";
import { crash } from "./crash.js";
import { following } from "./following.js";
import { leases } from "./leases.js";
import { replaced } from "./replaced.js";
import { restart } from "./restart.js";
import { room } from "./room.js";
import { sharedCases } from "./shared-cases.js";
import { tabs } from "./tabs.js";
import { workers } from "./workers.js";

const cases = [
	conformance,
	sharedCases,
	tabs,
	crash,
	following,
	leases,
	workers,
	connection,
	replaced,
	room,
	absent,
	restart,
];

/** Tests a browser: with all cases, and with those for it alone. */
export function inBrowser<B extends Browser>(browser: B, ...own: ((browser: B) => void)[]): void {
	describe(browser.name, () => {
		after(async () => {
			await browser.shutDown();
			await stopSites();
		});
		for (const add of [...cases, ...own]) add(browser);
	});
}
