// Test runners put clocks and queues in the place of the real ones. What a program of theirs tests goes on meanwhile.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { memoryHost } from "../src/entry/node.js";
import { numbered, storeIn } from "./support/store.js";

/** Timers, the clock, and microtasks, as Jest does by default. */
function stopTime(t: TestContext): void {
	t.mock.timers.enable();
	t.mock.method(globalThis, "queueMicrotask", () => {});
}

test("a store is opened, written to, read and closed while time stands still", async (t) => {
	stopTime(t);
	const store = await storeIn(t);
	const other = await storeIn(t, {}, memoryHost({ limits: { atomic: "space" } }));
	for (const one of [store, other]) {
		await Promise.all(numbered(3).map(({ payload }) => one.publish("s", "g", payload)));
		await one.streams.append("stream", ["a", "b"]);
		assert.equal((await one.streams.group("stream", "g").read("me")).length, 2);
		const texts = (await one.consumeSpace({ space: "s" }).toArray()).map((entry) => entry.text());
		assert.deepEqual(texts, ["1", "2", "3"]);
	}
	await store.close();
});

test("a follower is told of what another store appends while time stands still", async (t) => {
	const host = memoryHost();
	const [reader, writer] = [await storeIn(t, {}, host), await storeIn(t, {}, host)];
	stopTime(t);
	const followed = reader.consumeSpace({ space: "s", follow: true, limit: 1 }).toArray();
	await reader.getSegmentStatus("s", "g");
	await writer.publish("s", "g", "told");
	assert.equal((await followed)[0]?.text(), "told");
});
