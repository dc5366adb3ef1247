import assert from "node:assert/strict";
import { test } from "node:test";
import { type Browser, freshName } from "../support/browser.js";

const ENTRIES = 20;

/** Follows across tabs. */
export function following(browser: Browser): void {
	for (const [how, pollInterval] of [
		["by a message of the other tab", 600_000],
		["by looking, where messages are lost", 50],
	] as const) {
		test(`a tab follows what another tab appends: ${how}`, { timeout: 120_000 }, async () => {
			const name = freshName();
			const reader = await browser.openTab();
			const writer = await browser.openTab();
			if (pollInterval < 1000) {
				await writer.evaluate(() => {
					BroadcastChannel.prototype.postMessage = () => {};
				});
			}
			await reader.evaluate(([name, count, pollInterval]) => streamkit.follow(name, count, pollInterval), [
				name,
				ENTRIES,
				pollInterval,
			] as const);
			const expected: string[] = [];
			for (let i = 0; i < ENTRIES; i++) {
				expected.push(`entry ${i}`);
				await writer.evaluate(([name, i]) => streamkit.publish(name, "segment", `entry ${i}`), [name, i] as const);
			}
			assert.deepEqual(await reader.evaluate(() => streamkit.followed()), expected);
			await reader.close();
			await writer.close();
		});
	}

	test("stores of one host tell each other, and stop when they are asked to", async () => {
		const tab = await browser.openTab();
		const seen = await tab.evaluate((name) => streamkit.told(name), freshName());
		assert.deepEqual(seen, ["first", "last", "other", "second"]);
		await tab.close();
	});
}
