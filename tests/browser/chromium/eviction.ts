import assert from "node:assert/strict";
import { test } from "node:test";
import { freshName } from "../support/browser.js";
import type { Chromium, ChromiumTab } from "../support/chromium.js";
import { newSite } from "../support/site.js";

/** What a browser evicts, as its own controls do it. */
export function eviction(chromium: Chromium): void {
	test("an eviction is noticed by open tabs at once, and by every visit until something is stored", {
		timeout: 120_000,
	}, async () => {
		const site = await newSite();
		const tab = await chromium.openTab(site);
		const name = freshName();
		await tab.evaluate((name) => streamkit.publish(name, "segment", "lost"), name);
		const session = await tab.controls();
		await session.send("Storage.clearDataForOrigin", { origin: site.origin, storageTypes: "indexeddb" });

		const publish = () =>
			tab.evaluate((name) => streamkit.outcome(() => streamkit.publish(name, "segment", "never stored")), name);
		let after = await publish();
		// A database that is being removed cannot be looked at: that is worth another try.
		while ("code" in after && after.retryable) after = await publish();
		assert.equal("code" in after && after.code, "UNAVAILABLE");
		assert.match("message" in after ? after.message : "", /deleted or replaced/);
		assert.deepEqual(await tab.evaluate(async () => (await indexedDB.databases()).length), 0, "nothing is made anew");

		const visit = (by: ChromiumTab) =>
			by.evaluate(async (name) => {
				await streamkit.closed(name);
				const { evicted, warnings } = await (await streamkit.opened(name)).health();
				return { evicted, warnings, found: await streamkit.payloads(name, "segment") };
			}, name);
		const another = await chromium.openTab(site);
		for (const by of [tab, another, tab]) {
			const next = await visit(by);
			assert.equal(next.evicted, true);
			assert.match(next.warnings.join("\n"), /at the last visit is gone/);
			assert.deepEqual(next.found, []);
		}

		await another.evaluate((name) => streamkit.publish(name, "segment", "new"), name);
		for (const by of [another, tab, await chromium.openTab(site)]) {
			const later = await visit(by);
			assert.equal(later.evicted, undefined);
			assert.deepEqual(later.found, ["new"]);
		}
		await another.close();
		await tab.close();
	});
}
