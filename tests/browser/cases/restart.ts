import assert from "node:assert/strict";
import { test } from "node:test";
import { type Browser, freshName } from "../support/browser.js";
import { sharedSite } from "../support/site.js";

/** What is there after the browser was started again. */
export function restart(browser: Browser): void {
	const skip = browser.remembers ? false : `${browser.name} keeps its storage in memory while it is driven`;
	test("what was appended is there after the browser was closed and started again", { skip }, async () => {
		const name = freshName();
		const site = await sharedSite();
		const before = await browser.openTab(site);
		for (const payload of ["one", "two", "three"]) {
			await before.evaluate(([name, payload]) => streamkit.publish(name, "segment", payload), [name, payload] as const);
		}
		await browser.quit();
		const after = await browser.openTab(site);
		assert.deepEqual(await after.evaluate((name) => streamkit.payloads(name, "segment"), name), [
			"one",
			"two",
			"three",
		]);
		await after.close();
	});
}
