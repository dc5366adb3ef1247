import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { memoryHost, type RecordInput, type Store } from "../src/entry/node.js";
import { numbered, rejection, storeIn } from "./support/store.js";
import { withResolvers } from "./support/with-resolvers.js";

/** A store on a host that answers without a promise, with 40 records of 100 KB. */
async function large(t: TestContext): Promise<Store> {
	const store = await storeIn(t, {}, memoryHost());
	const payload = new Uint8Array(100_000);
	await store.produce(
		"s",
		"g",
		Array.from({ length: 40 }, () => ({ payload })),
	);
	return store;
}

/** Keeps the event loop for longer than a turn. */
function spin(): void {
	const end = performance.now() + 12;
	while (performance.now() < end);
}

/** Segments, as many as three pages of their names hold. */
const SEGMENTS = 2500;

async function manySegments(store: Store): Promise<void> {
	const writes = Array.from({ length: SEGMENTS }, (_, n) => ({ space: "m", segment: String(n), records: numbered(1) }));
	await store.transact(writes);
}

/** What runs long with a signal, and keeps the event loop at each of its steps. */
const LONG: Record<string, (store: Store, signal: AbortSignal) => Promise<unknown>> = {
	async entries(store, signal) {
		for await (const { sequence } of store.consumeSpace({ space: "s", signal })) if (sequence % 10 === 0) spin();
	},
	async pages(store, signal) {
		for await (const _ of store.consumeSegment({ space: "s", segment: "g", signal }).pages({ maxEntries: 1 })) spin();
	},
	async merged(store, signal) {
		for await (const _ of store.consume({ offsets: { s: "" }, signal }).pages({ maxEntries: 1 })) spin();
	},
	async "web stream"(store, signal) {
		const reader = store.consumeSpace({ space: "s", signal }).toReadableStream().getReader();
		for (;;) {
			const { done, value } = await reader.read();
			if (done) return;
			if (value.sequence % 10 === 0) spin();
		}
	},
	async export(store, signal) {
		for await (const _ of store.export({ signal })) spin();
	},
	async names(store, signal) {
		let names = 0;
		for await (const _ of store.getSegments("m", { signal })) if (++names % 900 === 0) spin();
	},
	async "first statuses"(store) {
		let told = 0;
		const { promise, resolve } = withResolvers<void>();
		const subscription = await store.subscribeToSpace("m", () => {
			if (++told % 900 === 0) spin();
			if (told === SEGMENTS) resolve();
		});
		await promise;
		subscription.unsubscribe();
	},
	verify: (store, signal) => store.verify({ signal, onProgress: spin }),
	async produce(store, signal) {
		function* records(): Generator<RecordInput> {
			const payload = new Uint8Array(500_000);
			for (let i = 0; i < 400; i++) {
				if (i % 10 === 0) spin();
				yield { payload };
			}
		}
		for await (const _ of store.produceStream("s", "new", records(), { signal }));
	},
};

for (const [name, run] of Object.entries(LONG)) {
	test(`on a host that never waits, others get their turn: ${name}`, async (t) => {
		const store = await large(t);
		await manySegments(store);
		let turns = 0;
		let ended = false;
		const turn = (): void => {
			turns++;
			if (!ended) setImmediate(turn);
		};
		setImmediate(turn);
		try {
			await run(store, new AbortController().signal);
		} finally {
			ended = true;
		}
		assert.ok(turns > 0);
	});
}

test("on a host that never waits, a signal that a timer fires ends a long read", async (t) => {
	const store = await storeIn(t, {}, memoryHost());
	await store.produce("s", "g", numbered(1000));
	const controller = new AbortController();
	setTimeout(() => controller.abort("enough"), 1);
	const reading = (async () => {
		const pages = store.consumeSpace({ space: "s", signal: controller.signal }).pages({ maxEntries: 1 });
		for await (const _ of pages) spin();
	})();
	assert.equal(await rejection(reading), "enough");
});
