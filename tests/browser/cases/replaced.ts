import assert from "node:assert/strict";
import { test } from "node:test";
import { type Browser, freshName } from "../support/browser.js";
import { newSite } from "../support/site.js";

/** A database that comes in another's place. */
export function replaced(browser: Browser): void {
	test("a database that was deleted and made again is not taken for the one before", async () => {
		const site = await newSite();
		const [first, second] = [await browser.openTab(site), await browser.openTab(site)];
		const name = freshName();
		await first.evaluate((name) => streamkit.publish(name, "segment", "old"), name);
		await second.evaluate((name) => streamkit.take(name), name);
		await second.evaluate((name) => streamkit.publish(name, "segment", "new"), name);
		const answer = await first.evaluate(
			(name) => streamkit.outcome(() => streamkit.publish(name, "segment", "for the old one")),
			name,
		);
		assert.equal("code" in answer && answer.code, "UNAVAILABLE");
		assert.deepEqual(await second.evaluate((name) => streamkit.payloads(name, "segment"), name), ["new"]);
		await first.close();
		await second.close();
	});
}
