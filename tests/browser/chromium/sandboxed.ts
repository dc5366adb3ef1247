import assert from "node:assert/strict";
import { test } from "node:test";
import { freshName } from "../support/browser.js";
import type { Chromium } from "../support/chromium.js";
import { sharedSite } from "../support/site.js";

/** A frame that may store nothing. */
export function sandboxed(chromium: Chromium): void {
	test("where IndexedDB is forbidden, opening is UNSUPPORTED and says so", async () => {
		const tab = await chromium.openTab();
		const frame = await tab.frameOf((await sharedSite()).url("/sandboxed"));
		const answer = await frame.evaluate((name) => streamkit.outcome(() => streamkit.indexedDbHost(name)), freshName());
		assert.equal("code" in answer && answer.code, "UNSUPPORTED");
		assert.match("message" in answer ? answer.message : "", /allows no IndexedDB/);
		await tab.close();
	});
}
