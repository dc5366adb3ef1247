import assert from "node:assert/strict";
import { test } from "node:test";
import { type Browser, freshName } from "../support/browser.js";
import { newSite } from "../support/site.js";

/** How much a commit may take, and what health tells of room. */
export function room(browser: Browser): void {
	test("a commit of exactly the host's limits is applied, and one byte more is refused", {
		timeout: 120_000,
	}, async () => {
		const tab = await browser.openTab();
		const answers = await tab.evaluate((name) => streamkit.fillToLimits(name), freshName());
		assert.equal("code" in answers.refused && answers.refused.code, "LIMIT_EXCEEDED");
		assert.equal(answers.before, 0);
		assert.deepEqual(answers.applied, { value: { applied: true } });
		assert.equal(answers.after, 2);
		await tab.close();
	});

	test("health tells what the browser says about room and persistence", async () => {
		const site = await newSite();
		const tab = await browser.openTab(site);
		const name = freshName();
		const health = await tab.evaluate(async (name) => (await streamkit.opened(name)).health(), name);
		assert.equal(health.host, "indexeddb");
		assert.equal(health.durability, "relaxed");
		// WebKit for GTK tells nothing of either.
		if (await tab.evaluate(() => "storage" in navigator && navigator.storage !== undefined)) {
			assert.equal(health.persisted, false);
			assert.ok((health.quota ?? 0) > 0 && (health.usage ?? -1) >= 0, "usage and quota");
		} else {
			assert.deepEqual([health.persisted, health.quota, health.usage], [undefined, undefined, undefined]);
		}
		assert.equal(health.evicted, undefined);
		assert.equal(health.warnings.length, 1, health.warnings.join("\n"));
		assert.match(health.warnings[0] ?? "", /may remove this data/);
		await tab.close();
	});
}
