// The publisher of the example, on a Workers KV that takes what the platform takes, and between other requests.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Miniflare, MiniflareOptions } from "miniflare";
import { bundle, type Modules, start } from "./runtime.js";

interface Answer {
	readonly status: number;
	/** What the invocation asked Workers KV. */
	readonly operations: number;
	readonly body: {
		entries?: { segment: string; sequence: number; payload: string }[];
		offset?: string;
		published?: number;
		more?: boolean;
		error?: { code: string; message: string };
	};
}

interface Standing {
	readonly alarms: number;
	readonly alarmIsSet: boolean;
	readonly copiesWaiting: number;
	readonly appendsWaiting: number;
}

let writer: Modules;
let reader: Modules;
before(async () => {
	writer = await bundle(new URL("./worker-counted-writer.mjs", import.meta.url));
	reader = await bundle(new URL("./worker-counted-reader.mjs", import.meta.url));
});

let miniflare: Miniflare | undefined;
after(() => miniflare?.dispose());

/** Both Workers, with nothing stored; the alarm goes off when the test says so. */
async function startBoth(): Promise<void> {
	await miniflare?.dispose();
	const kvNamespaces = { COPIES: "copies" };
	const durableObjects = { STORES: { className: "StoreObject", useSQLite: true } };
	miniflare = await start({
		workers: [
			{ name: "writer", modules: writer, kvNamespaces, durableObjects, bindings: { PUBLISH_EVERY: String(1 << 30) } },
			{ name: "reader", modules: reader, kvNamespaces },
		].map((worker) => ({ ...worker, compatibilityDate: "2026-04-01" })),
	} as MiniflareOptions);
}

async function ask(worker: "writer" | "reader", path: string, body?: unknown): ReturnType<Miniflare["dispatchFetch"]> {
	const { fetch } = await (miniflare as Miniflare).getWorker(worker);
	const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
	return fetch(`http://example/stores/shop/${path}`, init);
}

async function call(worker: "writer" | "reader", path: string, body?: unknown): Promise<Answer> {
	const response = await ask(worker, path, body);
	const operations = Number(response.headers.get("operations"));
	return { status: response.status, operations, body: (await response.json()) as Answer["body"] };
}

const publish = (): Promise<Answer> => call("writer", "publish", {});

async function append(space: string, segment: string, payload: string): Promise<void> {
	const { status, body } = await call("writer", `spaces/${space}/segments/${segment}`, { records: [{ payload }] });
	assert.equal(status, 201, JSON.stringify(body));
}

const set = async (what: Record<string, string>): Promise<Standing> =>
	(await ask("writer", "test", what)).json() as Promise<Standing>;

async function until(holds: (standing: Standing) => boolean | Promise<boolean>): Promise<void> {
	const end = Date.now() + 30_000;
	while (!(await holds(await set({})))) assert.ok(Date.now() < end, "it never comes to that");
}

const copied = async (space: string): Promise<string[]> =>
	((await call("reader", `spaces/${space}`)).body.entries ?? []).map(({ payload }) => payload);

test("any number of segments is published, and read, in steps that one invocation can take", async () => {
	await startBoth();
	const count = 320;
	// Too large to stand with the row of its commit.
	const payload = "x".repeat(4500);
	for (let i = 0; i < count; i++) await append("many", `order-${i}`, `${i} ${payload}`);
	await append("other", "a", "one");
	let published = 0;
	let steps = 0;
	for (let more = true; more; steps++) {
		const { status, operations, body } = await publish();
		assert.equal(status, 200, JSON.stringify(body));
		assert.ok(operations <= 1000, `${operations} operations`);
		published += body.published ?? 0;
		more = body.more === true;
		if (steps === 1) assert.deepEqual(await copied("other"), ["one"], "it waits for a space that is never done");
	}
	assert.equal(published, count + 1);
	assert.ok(steps >= 4, `${steps} steps`);

	const found: string[] = [];
	for (let offset = ""; ; ) {
		const { status, operations, body } = await call("reader", `spaces/many?limit=1000&offset=${offset}`);
		assert.equal(status, 200, JSON.stringify(body));
		assert.ok(operations <= 1000, `${operations} operations`);
		if (body.entries === undefined || body.entries.length === 0) break;
		found.push(...body.entries.map(({ segment, payload: text }) => `${segment} ${text.slice(0, text.indexOf(" "))}`));
		offset = body.offset as string;
	}
	const expected = Array.from({ length: count }, (_, i) => `order-${i} ${i}`);
	assert.deepEqual(found.sort(), expected.sort());
});

test("a space that cannot be published keeps no other one waiting", async () => {
	await startBoth();
	await append("z", "a", "one");
	assert.equal((await publish()).status, 200);
	for (const space of ["a", "b"]) await append(space, "a", "one");
	await set({ refused: "next" });
	for (let tries = 0; tries < 2; tries++) {
		const { status, body } = await publish();
		assert.deepEqual([status, body.error?.code], [503, "UNAVAILABLE"]);
		assert.deepEqual([await copied("a"), await copied("b")], [[], ["one"]]);
	}
	await set({ refused: "" });
	assert.equal((await publish()).body.published, 1);
	assert.deepEqual(await copied("a"), ["one"]);
});

test("an alarm that goes off while a request publishes is not the last one", async () => {
	await startBoth();
	for (const space of ["a", "b"]) await append(space, "a", "one");
	assert.deepEqual((await publish()).body, { published: 2, more: false });
	await append("b", "a", "two");
	await set({ copies: "shut" });
	const publishing = publish();
	// It is at b, and done with a.
	await until(({ copiesWaiting }) => copiesWaiting > 0);
	await append("a", "a", "two");
	const joining = publish();
	await set({ alarm: "now" });
	await until(({ alarms }) => alarms === 1);
	for (let i = 0; i < 5; i++) await set({});
	await set({ copies: "open" });
	assert.deepEqual((await publishing).body, { published: 1, more: false });
	assert.deepEqual((await joining).body, { published: 1, more: true });
	await until(async () => (await copied("a")).length === 2);
	assert.deepEqual(await copied("b"), ["one", "two"]);
	await until(({ alarmIsSet }) => !alarmIsSet);
});

test("an append that is under way when the alarm goes off is published by the next one", async () => {
	await startBoth();
	for (const space of ["a", "b"]) await append(space, "a", "one");
	assert.deepEqual((await publish()).body, { published: 2, more: false });
	await append("b", "a", "two");
	await set({ appends: "shut" });
	const appending = append("a", "a", "two");
	await until(({ appendsWaiting }) => appendsWaiting === 1);
	await set({ copies: "shut", alarm: "now" });
	// It is at b, and done with a.
	await until(({ copiesWaiting }) => copiesWaiting > 0);
	await set({ appends: "open" });
	await appending;
	assert.equal((await set({})).alarmIsSet, false);
	await set({ copies: "open" });
	await until(async ({ alarmIsSet }) => alarmIsSet && (await copied("b")).length === 2);
	assert.deepEqual(await copied("a"), ["one"]);
	await set({ alarm: "now" });
	await until(async () => (await copied("a")).length === 2);
	await until(({ alarmIsSet }) => !alarmIsSet);
});
