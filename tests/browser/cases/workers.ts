import assert from "node:assert/strict";
import { test } from "node:test";
import { type Browser, freshName } from "../support/browser.js";

/** Workers of every kind. */
export function workers(browser: Browser): void {
	test("workers of every kind share a store with the tab", { timeout: 120_000 }, async (t) => {
		const name = freshName();
		const tab = await browser.openTab();
		for (const [kind, ask] of [
			["worker", "askWorker"],
			["shared worker", "askSharedWorker"],
			["service worker", "askServiceWorker"],
		] as const) {
			await t.test(`a ${kind}`, async () => {
				const found = await tab.evaluate(([ask, name, kind]) => streamkit[ask](name, `by a ${kind}`), [
					ask,
					name,
					kind,
				] as const);
				assert.deepEqual(found, [`by a ${kind}`]);
				const segment = kind.replace(" ", "-");
				const here = await tab.evaluate(([name, segment]) => streamkit.payloads(name, segment), [
					name,
					segment,
				] as const);
				assert.deepEqual(here, found);
			});
		}
		const { entries, problems } = await tab.evaluate((name) => streamkit.verified(name), name);
		assert.deepEqual([entries, problems], [3, []]);
		await tab.close();
	});
}
