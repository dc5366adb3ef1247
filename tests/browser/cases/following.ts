import assert from "node:assert/strict";
import { test } from "node:test";
import { freshName, openTab } from "../support/chromium.js";

const ENTRIES = 20;

for (const [how, pollInterval] of [
	["by a message of the other tab", 600_000],
	["by looking, where messages are lost", 50],
] as const) {
	test(`a tab follows what another tab appends: ${how}`, { timeout: 60_000 }, async () => {
		const name = freshName();
		const reader = await openTab();
		const writer = await openTab();
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
	const tab = await openTab();
	const seen = await tab.evaluate(async (name) => {
		const host = await streamkit.indexedDbHost(name);
		const other = await streamkit.indexedDbHost(name);
		const seen: string[] = [];
		const stops: (() => void)[] = [];
		const watch = (name: string, host: import("streamkit").HostKv): Promise<void> =>
			new Promise((resolve) => {
				const stop = host.watch?.(() => {
					seen.push(name);
					resolve();
				});
				if (stop !== undefined) stops.push(stop);
			});
		const heard = [watch("first", host), watch("second", host), watch("other", other)];
		host.notify?.();
		await Promise.all(heard);
		for (const stop of stops) stop();
		// Messages keep their order: once the answer to a later one is here, an earlier one would have been heard.
		const last = watch("last", other);
		host.notify?.();
		await last;
		await host.close?.();
		await other.close?.();
		host.notify?.();
		return seen.sort();
	}, freshName());
	assert.deepEqual(seen, ["first", "last", "other", "second"]);
	await tab.close();
});
