import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import {
	type HostKv,
	isStreamkitError,
	memoryHost,
	openStore,
	type RecordInput,
	type SegmentStatus,
	type Store,
	StreamkitError,
} from "../src/entry/node.js";
import { manualClock } from "../src/testing.js";
import type { TransactWrite } from "../src/writing/transact.js";
import { collect, gated, lines, numbered, refuses, rejection, storeIn, until } from "./support/store.js";

test("a store has an id, and its host holds that one", async (t) => {
	const host = memoryHost();
	const store = await storeIn(t, {}, host);
	assert.match(store.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/);
	const again = await storeIn(t, { storeId: store.id.toUpperCase() }, host);
	assert.equal(again.id, store.id);
	const error = await refuses("CONFLICT", openStore(host, { storeId: "0190a1b2-0000-7000-8000-000000000000" }));
	assert.equal(error.retryable, false);
	assert.ok(store.limits.maxRecordBytes > 0 && store.limits.maxCommitBytes > 0 && store.limits.maxCommitRecords > 0);
});

test("publish appends one record", async (t) => {
	const store = await storeIn(t, { clock: manualClock(1000) });
	assert.deepEqual(await store.publish("s", "g", "a", { metadata: { k: "v" } }), {
		space: "s",
		segment: "g",
		firstSequence: 1,
		firstTimestamp: 1000,
		lastSequence: 1,
		lastTimestamp: 1000,
	});
	assert.equal((await store.publish("s", "g", new Uint8Array([1, 2]))).lastSequence, 2);
	const [first, second] = await store.consumeSegment({ space: "s", segment: "g" }).toArray();
	assert.equal(first?.text(), "a");
	assert.deepEqual(first?.metadata, { k: "v" });
	assert.equal(first?.id, "1000-0");
	assert.equal(second?.id, "1000-1");
	assert.deepEqual([...(second?.payload ?? [])], [1, 2]);
	assert.match(first?.trx.id ?? "", /^[0-9a-f-]{36}$/);
	assert.equal(first?.trx.number, 1);
	assert.equal(second?.trx.number, 2);
	assert.equal(first?.trx.node, second?.trx.node);
});

test("concurrent publishes are all stored, each with its own status", async (t) => {
	const store = await storeIn(t);
	const statuses = await Promise.all(Array.from({ length: 200 }, (_, i) => store.publish("s", "g", String(i))));
	assert.deepEqual(
		statuses.map(({ lastSequence }) => lastSequence),
		Array.from({ length: 200 }, (_, i) => i + 1),
	);
	assert.deepEqual(
		lines(await store.consumeSegment({ space: "s", segment: "g" }).toArray()),
		Array.from({ length: 200 }, (_, i) => `g/${i + 1}=${i}`),
	);
});

test("produce takes any iterable", async (t) => {
	const store = await storeIn(t);
	assert.equal((await store.produce("s", "g", numbered(3))).lastSequence, 3);
	assert.equal((await store.produce("s", "g", new Set(numbered(2, 4)))).lastSequence, 5);
	async function* later(): AsyncGenerator<RecordInput> {
		for (const record of numbered(2, 6)) yield await Promise.resolve(record);
	}
	assert.equal((await store.produce("s", "g", later())).lastSequence, 7);
	assert.deepEqual(
		lines(await store.consumeSegment({ space: "s", segment: "g" }).toArray()),
		Array.from({ length: 7 }, (_, i) => `g/${i + 1}=${i + 1}`),
	);
});

test("long inputs commit in chunks, short ones as one", async (t) => {
	const store = await storeIn(
		t,
		{},
		memoryHost({ limits: { maxValueBytes: 8192, blockBytes: 4096, maxBatchBytes: 32_768, maxBatchOps: 64 } }),
	);
	const records = Array.from({ length: 300 }, (_, i) => ({ payload: `${i} ${"x".repeat(500)}` }));
	const statuses = await collect(store.produceStream("s", "long", records));
	assert.ok(statuses.length > 3);
	assert.deepEqual(
		statuses.map(({ lastSequence }) => lastSequence),
		statuses.map(({ lastSequence }) => lastSequence).sort((a, b) => a - b),
	);
	assert.equal(statuses[statuses.length - 1]?.lastSequence, 300);
	const entries = await store.consumeSegment({ space: "s", segment: "long" }).toArray();
	assert.deepEqual(
		entries.map((entry) => entry.text()),
		records.map(({ payload }) => payload),
	);
	assert.equal((await collect(store.produceStream("s", "short", numbered(3)))).length, 1);
	assert.equal((await store.produce("s", "long", records, { expectedSequence: 300 })).lastSequence, 600);
});

test("what fits one commit is one, also where it is longer than a chunk of a longer input", async (t) => {
	const store = await storeIn(t);
	const records = Array.from({ length: 6 }, () => ({ payload: new Uint8Array(1 << 20) }));
	assert.ok(store.limits.maxCommitBytes > 7 << 20);
	const statuses = await collect(store.produceStream("orders", "order-1", records));
	assert.deepEqual(
		statuses.map(({ lastSequence }) => lastSequence),
		[6],
	);
	const trx = { id: "0190a0b0-0000-7000-8000-000000000001" };
	assert.equal((await store.produce("orders", "order-2", records, { trx })).lastSequence, 6);
	assert.equal((await store.produce("orders", "order-2", records, { trx })).lastSequence, 6);
});

test("an error part-way says what was stored", async (t) => {
	const store = await storeIn(
		t,
		{},
		memoryHost({ limits: { maxValueBytes: 8192, blockBytes: 4096, maxBatchBytes: 32_768, maxBatchOps: 64 } }),
	);
	let closed = false;
	function* source(): Generator<RecordInput> {
		try {
			for (let i = 0; i < 300; i++) yield { payload: "x".repeat(500) };
			yield { payload: 5 as never };
		} finally {
			closed = true;
		}
	}
	const error = await refuses("INVALID_ARGUMENT", store.produce("s", "g", source()), /^records\[300\]\.payload: /);
	assert.ok(closed);
	const committed = error.details["committed"] as SegmentStatus;
	assert.deepEqual(committed, await store.getSegmentStatus("s", "g"));
	assert.ok(committed.lastSequence > 0 && committed.lastSequence <= 300);
	// What the source throws is passed on as it is.
	const boom = new Error("boom");
	function* failing(): Generator<RecordInput> {
		yield { payload: "a" };
		throw boom;
	}
	assert.equal(await rejection(store.produce("s", "h", failing())), boom);
	assert.equal(await store.getSegmentStatus("s", "h"), undefined);
});

/** Commits of few records: an input of some hundred is stored in chunks. */
const smallCommits = () =>
	memoryHost({ limits: { maxValueBytes: 8192, blockBytes: 4096, maxBatchBytes: 32_768, maxBatchOps: 64 } });

test("what the caller gave is passed on as it is, and says nothing of another call", async (t) => {
	for (const reason of [
		new Error("shutting down"),
		new DOMException("shutting down", "AbortError"),
		"stop",
		undefined,
	]) {
		const store = await storeIn(t, {}, smallCommits());
		const controller = new AbortController();
		const { signal } = controller;
		async function* endless(): AsyncGenerator<RecordInput> {
			for (;;) yield { payload: "x".repeat(500) };
		}
		async function* silent(): AsyncGenerator<RecordInput> {
			yield { payload: "never stored" };
			await new Promise(() => {});
		}
		const pending = [endless(), endless(), silent()].map((source, i) =>
			rejection(store.produce("s", String(i), source, { signal })),
		);
		while ((await store.getSegmentStatus("s", "0")) === undefined) await store.getSegmentStatus("s", "1");
		controller.abort(reason);
		for (const error of await Promise.all(pending)) {
			assert.equal(error, signal.reason);
			assert.ok(!(error instanceof Error) || !("details" in error), "nothing is written on it");
		}
		assert.equal(await store.getSegmentStatus("s", "2"), undefined);
	}
	const boom = new Error("boom");
	const store = await storeIn(t, {}, smallCommits());
	function* failing(count: number): Generator<RecordInput> {
		for (let i = 0; i < count; i++) yield { payload: "x".repeat(500) };
		throw boom;
	}
	const calls = [300, 600].map((count) => rejection(store.produce("s", String(count), failing(count))));
	assert.deepEqual(await Promise.all(calls), [boom, boom]);
	assert.ok(!("details" in boom), "it cannot say what both have stored");
	// Each chunk's status comes before what is thrown.
	const told: number[] = [];
	const loop = async (): Promise<void> => {
		for await (const status of store.produceStream("s", "told", failing(300))) told.push(status.lastSequence);
	};
	const own = Object.assign(new Error("of this call"), { name: "OwnError" });
	function* once(): Generator<RecordInput> {
		for (let i = 0; i < 300; i++) yield { payload: "x".repeat(500) };
		throw own;
	}
	assert.equal(await rejection(store.produce("s", "own", once())), own);
	assert.deepEqual((own as { details?: unknown }).details, { committed: await store.getSegmentStatus("s", "own") });
	assert.equal(await rejection(loop()), boom);
	assert.equal(told.at(-1), (await store.getSegmentStatus("s", "told"))?.lastSequence);
	assert.ok(told.length > 0);
});

test("what a source throws keeps the details that it has, and is left alone where it cannot carry more", async (t) => {
	const store = await storeIn(t, {}, smallCommits());
	const thrown = async (space: string, error: Error): Promise<SegmentStatus | undefined> => {
		function* failing(): Generator<RecordInput> {
			for (let i = 0; i < 300; i++) yield { payload: "x".repeat(500) };
			throw error;
		}
		assert.equal(await rejection(store.produce(space, "g", failing())), error);
		return store.getSegmentStatus(space, "g");
	};
	const rest = Object.assign(new Error("of a service"), { details: { body: "x" } });
	const committed = await thrown("one", rest);
	assert.deepEqual(rest.details, { body: "x", committed });
	await thrown("another", rest);
	assert.deepEqual(rest.details, { body: "x" }, "it cannot say what both have stored");
	const worded = Object.assign(new Error("in words"), { details: "x" });
	await thrown("words", worded);
	assert.equal(worded.details, "x");
	await thrown("frozen", Object.freeze(new Error("frozen")));
	const foreign = runInNewContext("new Error('of another realm')") as Error & { details?: unknown };
	const stored = await thrown("foreign", foreign);
	assert.deepEqual(foreign.details, { committed: stored });
});

test("an error with a code that several calls are told says of each what it stored", async (t) => {
	const store = await storeIn(t, {}, smallCommits());
	const details = Object.freeze({ applied: false });
	const shared = Object.freeze(new StreamkitError("UNAVAILABLE", "the source is gone", { details, retryable: false }));
	function* failing(count: number): Generator<RecordInput> {
		for (let i = 0; i < count; i++) yield { payload: "x".repeat(500) };
		throw shared;
	}
	for (const count of [300, 600]) {
		const error = await refuses("UNAVAILABLE", store.produce("s", String(count), failing(count)));
		assert.deepEqual(error.details, { applied: false, committed: await store.getSegmentStatus("s", String(count)) });
		assert.equal(error.cause, shared);
		assert.equal(error.retryable, false);
	}
	assert.equal(await rejection(store.produce("s", "none", failing(1))), shared);
	const reason = new StreamkitError("LEASE_LOST", "lost");
	const controller = new AbortController();
	function* until(at: number): Generator<RecordInput> {
		for (let i = 0; ; i++) {
			if (i === at) controller.abort(reason);
			yield { payload: "x".repeat(500) };
		}
	}
	assert.equal(await rejection(store.produce("s", "reason", until(600), controller)), reason);
	assert.ok((await store.getSegmentStatus("s", "reason")) !== undefined);
});

test("produceStream starts when iterated and closes its source when left", async (t) => {
	const store = await storeIn(
		t,
		{},
		memoryHost({ limits: { maxValueBytes: 8192, blockBytes: 4096, maxBatchBytes: 32_768, maxBatchOps: 64 } }),
	);
	const seen: string[] = [];
	function* source(): Generator<RecordInput> {
		seen.push("start");
		try {
			for (;;) yield { payload: "x".repeat(500) };
		} finally {
			seen.push("end");
		}
	}
	const stream = store.produceStream("s", "g", source());
	await Promise.resolve();
	assert.deepEqual(seen, []);
	for await (const status of stream) {
		assert.ok(status.lastSequence > 0);
		break;
	}
	assert.deepEqual(seen, ["start", "end"]);
});

test("expected sequences", async (t) => {
	const store = await storeIn(t);
	await store.produce("s", "g", numbered(2), { expectedSequence: 0 });
	const behind = await refuses("SEQUENCE_MISMATCH", store.publish("s", "g", "x", { expectedSequence: 1 }));
	assert.deepEqual(
		{ expected: behind.details["expected"], actual: behind.details["actual"] },
		{ expected: 2, actual: 3 },
	);
	await refuses("SEQUENCE_MISMATCH", store.publish("s", "g", "x", { expectedSequence: 3 }));
	await store.produce("s", "g", [{ sequence: 3, payload: "3" }, { payload: "4" }, { sequence: 5, payload: "5" }]);
	await refuses("SEQUENCE_MISMATCH", store.produce("s", "g", [{ payload: "6" }, { sequence: 8, payload: "8" }]));
	await refuses(
		"INVALID_ARGUMENT",
		store.produce("s", "g", [{ sequence: 6, payload: "6" }], { expectedSequence: 5 }),
		/^records\[0\]\.sequence: /,
	);
	assert.equal((await store.getSegmentStatus("s", "g"))?.lastSequence, 5);
	const race = await Promise.allSettled(
		Array.from({ length: 5 }, () => store.publish("s", "g", "x", { expectedSequence: 5 })),
	);
	assert.equal(race.filter(({ status }) => status === "fulfilled").length, 1);
});

test("a caller's TRX makes a retry safe", async (t) => {
	const store = await storeIn(t);
	const trx = { id: "0190A1B2-0000-7000-8000-000000000001" };
	const first = await store.produce("s", "g", numbered(2), { trx });
	await store.publish("s", "g", "other");
	assert.deepEqual(await store.produce("s", "g", numbered(2), { trx }), first);
	assert.equal((await store.getSegmentStatus("s", "g"))?.lastSequence, 3);
	assert.equal(
		(await store.consumeSegment({ space: "s", segment: "g", limit: 1 }).toArray())[0]?.trx.id,
		trx.id.toLowerCase(),
	);
	await refuses(
		"TRX_ID_MISMATCH",
		store.publish("s", "g", "x", { trx: { id: "0190a1b2-0000-7000-8000-000000000002", number: 2 } }),
	);
	await refuses(
		"TRX_NUMBER_AHEAD",
		store.publish("s", "g", "x", { trx: { id: "0190a1b2-0000-7000-8000-000000000002", number: 1 } }),
	);
	await refuses(
		"TRX_NUMBER_BEHIND",
		store.publish("s", "g", "x", { trx: { id: "0190a1b2-0000-7000-8000-000000000003", number: 9 } }),
	);
	const { limits } = store;
	const tooMany = Array.from({ length: Math.min(limits.maxCommitRecords + 1, 2_000_000) }, () => ({ payload: "" }));
	if (tooMany.length > limits.maxCommitRecords)
		await refuses(
			"LIMIT_EXCEEDED",
			store.produce("s", "t", tooMany, { trx: { id: "0190a1b2-0000-7000-8000-000000000004" } }),
		);
});

test("transact is all or nothing, over segments and spaces, with one TRX id", async (t) => {
	const store = await storeIn(t);
	const statuses = await store.transact([
		{ space: "a", segment: "1", records: numbered(2) },
		{ space: "b", segment: "1", records: numbered(1) },
		{ space: "a", segment: "2", records: numbered(3) },
	]);
	assert.deepEqual(
		statuses.map(({ space, segment, lastSequence }) => `${space}/${segment}=${lastSequence}`),
		["a/1=2", "b/1=1", "a/2=3"],
	);
	const entries = [
		...(await store.consumeSpace({ space: "a" }).toArray()),
		...(await store.consumeSpace({ space: "b" }).toArray()),
	];
	assert.equal(new Set(entries.map(({ trx }) => trx.id)).size, 1);
	await refuses(
		"SEQUENCE_MISMATCH",
		store.transact([
			{ space: "a", segment: "1", records: numbered(1) },
			{ space: "b", segment: "1", records: [{ sequence: 9, payload: "x" }] },
		]),
	);
	assert.equal((await store.getSegmentStatus("a", "1"))?.lastSequence, 2);
	await refuses("INVALID_ARGUMENT", store.transact([]), /^writes: /);
	await refuses(
		"INVALID_ARGUMENT",
		store.transact([{ space: "a", segment: "1", records: [] }]),
		/^writes\[0\]\.records: /,
	);
	await refuses(
		"INVALID_ARGUMENT",
		store.transact([{ space: "a", segment: "1", records: [{ payload: "\ud800" }] }]),
		/^writes\[0\]\.records\[0\]\.payload: /,
	);
});

test("a transaction that the host cannot take names the limit that it is beyond", async (t) => {
	for (const [what, maxBatchOps, count, payload] of [
		["rows of one commit", 16, 4, "x"],
		["bytes of one commit with its rows' own", 100, 5, "x".repeat(3000)],
	] as const) {
		const limits = { maxValueBytes: 5000, blockBytes: 4096, maxBatchBytes: 16_384, maxBatchOps };
		const store = await storeIn(t, {}, memoryHost({ limits }));
		const write = (spaces: number): Promise<SegmentStatus[]> =>
			store.transact(
				Array.from({ length: spaces }, (_, i) => ({ space: `s${i}`, segment: "g", records: [{ payload }] })),
			);
		const { details } = await refuses("LIMIT_EXCEEDED", write(count));
		assert.equal(details["what"], what);
		assert.ok((details["actual"] as number) > (details["limit"] as number), JSON.stringify(details));
		assert.deepEqual(await collect(store.getSpaces()), []);
		assert.equal((await write(1)).length, 1);
	}
});

test("what a transaction adds to one space counts together, and to others by itself", async (t) => {
	const limits = { maxValueBytes: 5000, blockBytes: 4096, maxBatchBytes: 16_384 };
	const store = await storeIn(t, {}, memoryHost({ limits }));
	const { maxCommitBytes } = store.limits;
	const third = [1, 2].map(() => ({ payload: new Uint8Array(Math.floor(maxCommitBytes / 6)) }));
	const thirds = (count: number, space: string): TransactWrite[] =>
		Array.from({ length: count }, (_, i) => ({ space, segment: `g${i}`, records: third }));
	const bytes = await refuses("LIMIT_EXCEEDED", store.transact([...thirds(1, "a"), ...thirds(3, "s")]));
	assert.equal(bytes.details["what"], 'bytes in space "s"');
	assert.equal(bytes.details["limit"], maxCommitBytes);

	const wide = await storeIn(t);
	const half = Array.from({ length: wide.limits.maxCommitRecords / 2 }, () => ({ payload: "" }));
	const halves = (count: number, space: string): TransactWrite[] =>
		Array.from({ length: count }, (_, i) => ({ space, segment: `g${i}`, records: half }));
	const one = { space: "s", segment: "one", records: [{ payload: "" }] };
	const records = await refuses("LIMIT_EXCEEDED", wide.transact([...halves(1, "a"), ...halves(2, "s"), one]));
	assert.equal(records.details["what"], 'records in space "s"');
	assert.equal(records.details["actual"], wide.limits.maxCommitRecords + 1);
	assert.deepEqual(await collect(wide.getSpaces()), []);
	const statuses = await wide.transact([...halves(2, "s"), { ...one, space: "t" }]);
	assert.equal(statuses.length, 3);
});

test("bad input is refused before anything is stored", async (t) => {
	const store = await storeIn(t);
	const detached = new Uint8Array(8);
	structuredClone(detached, { transfer: [detached.buffer] });
	// As some libraries make of a buffer that they use again and again.
	const shortened = Object.defineProperty(new Uint8Array(5000), "length", { value: 2 });
	const lengthened = Object.defineProperty(new Uint8Array(2), "length", { value: 5000 });
	const cases: [RegExp, () => Promise<unknown>][] = [
		[/^space: /, () => store.publish("", "g", "x")],
		[/^space: /, () => store.publish(undefined as never, "g", "x")],
		[/^segment: /, () => store.publish("s", "a\0b", "x")],
		[/^segment: /, () => store.publish("s", "\ud800", "x")],
		[/^payload: /, () => store.publish("s", "g", undefined as never)],
		[/^payload: /, () => store.publish("s", "g", "\udc00")],
		[/^payload: /, () => store.publish("s", "g", [1] as never)],
		[/^payload: /, () => store.publish("s", "g", new Proxy(new Uint8Array(1), {}))],
		[/^payload: /, () => store.publish("s", "g", Object.create(Uint8Array.prototype))],
		[/^payload: /, () => store.publish("s", "g", detached)],
		[/^payload: /, () => store.publish("s", "g", shortened)],
		[/^payload: /, () => store.publish("s", "g", lengthened)],
		[/^metadata/, () => store.publish("s", "g", "x", { metadata: { a: 1 } as never })],
		[/^options: /, () => store.publish("s", "g", "x", null as never)],
		[/^expectedSequence: /, () => store.publish("s", "g", "x", { expectedSequence: -1 })],
		[/^expectedSequence: /, () => store.publish("s", "g", "x", { expectedSequence: 1.5 })],
		// The next one would be no safe integer.
		[/^expectedSequence: /, () => store.publish("s", "g", "x", { expectedSequence: Number.MAX_SAFE_INTEGER })],
		[/^records\[0\]\.payload: /, () => store.produce("s", "g", [{ payload: detached }])],
		[/^records\[1\]\.payload: /, () => store.streams.append("s", ["x", detached])],
		[/^durability: /, () => store.publish("s", "g", "x", { durability: "maybe" as never })],
		[/^trx\.id: /, () => store.publish("s", "g", "x", { trx: { id: "x" } })],
		[/^lease/, () => store.publish("s", "g", "x", { lease: {} as never })],
		[/^signal: /, () => store.publish("s", "g", "x", { signal: {} as never })],
		[/^records: /, () => store.produce("s", "g", [])],
		[/^records: /, () => store.produce("s", "g", 5 as never)],
		[/^records: /, () => store.produce("s", "g", "text" as never)],
		[/^records\[0\]: /, () => store.produce("s", "g", ["text"] as never)],
		[/^records\[1\]\.payload: /, () => store.produce("s", "g", [{ payload: "a" }, {}] as never)],
		[/^space: /, () => store.peek("", "g")],
		[/^segment: /, () => store.getSegmentStatus("s", "")],
		[/^key: /, () => store.withLease("", 1000, () => 1)],
		[/^ttl: /, () => store.withLease("k", 0, () => 1)],
		[/^run: /, () => store.withLease("k", 1000, undefined as never)],
		[/^handler: /, () => store.subscribeToSpace("s", undefined as never)],
		[/^holder: /, () => store.withLease("k", 1000, () => 1, { holder: null as never })],
		[/^wait: /, () => store.withLease("k", 1000, () => 1, { wait: null as never })],
		[/^source: /, () => store.import(5 as never)],
		[/^source: /, () => store.import([new Proxy(new Uint8Array(1), {})])],
		[/^source: /, () => store.import(detached as never)],
		[/^source: /, () => store.import([detached])],
		[/^source: /, () => store.import([shortened])],
		[/^source: /, () => store.import([lengthened])],
		[/^space: /, () => store.compact({ space: "" })],
	];
	for (const [message, run] of cases) await refuses("INVALID_ARGUMENT", run, message);
	await refuses("LIMIT_EXCEEDED", store.publish("s", "g", new Uint8Array(store.limits.maxRecordBytes + 1)));
	assert.deepEqual(await collect(store.getSpaces()), []);
});

test("an iterable that is none is refused by its name, and what it throws itself is passed on", async (t) => {
	const store = await storeIn(t);
	const boom = new TypeError("boom");
	const broken: [string, () => unknown, unknown?][] = [
		["no iterator", () => undefined],
		["null", () => null],
		["no next", () => ({})],
		["no step", () => ({ next: () => undefined })],
		["a step that is a number", () => ({ next: () => 5 })],
		[
			"a step that throws",
			() => ({
				next: () => {
					throw boom;
				},
			}),
			boom,
		],
		[
			"an iterator that throws",
			() => {
				throw boom;
			},
			boom,
		],
	];
	for (const [name, iterator, thrown] of broken) {
		const sync = { [Symbol.iterator]: iterator } as Iterable<never>;
		const asynchronous = { [Symbol.asyncIterator]: iterator } as AsyncIterable<never>;
		const calls: [string, () => Promise<unknown>][] = [
			["records", () => store.produce("s", "g", sync)],
			["records", () => store.produce("s", "g", asynchronous)],
			["records", () => collect(store.produceStream("s", "g", sync))],
			["records", () => collect(store.produceStream("s", "g", asynchronous))],
			["writes", () => store.transact(sync)],
			["writes[0].records", () => store.transact([{ space: "s", segment: "g", records: sync }])],
			["source", () => store.import(sync)],
			["source", () => store.import(asynchronous)],
		];
		for (const [argument, call] of calls) {
			const error = await rejection(call());
			if (thrown !== undefined) assert.equal(error, thrown, `${argument}, ${name}`);
			else {
				assert.ok(isStreamkitError(error, "INVALID_ARGUMENT"), `${argument}, ${name}: ${String(error)}`);
				assert.equal(error.details["argument"], argument);
			}
		}
	}
	assert.equal(await store.getSegmentStatus("s", "g"), undefined);
});

test("transact closes what it stops taking from", async (t) => {
	const store = await storeIn(t);
	let closed = 0;
	function* source(): Generator<RecordInput> {
		try {
			yield { payload: "a" };
			yield { payload: 5 as never };
		} finally {
			closed++;
		}
	}
	await refuses("INVALID_ARGUMENT", store.transact([{ space: "s", segment: "g", records: source() }]), /records\[1\]/);
	assert.equal(closed, 1);
});

test("records are taken when the call is made, and calls are stored in their order", async (t) => {
	const store = await storeIn(t);
	const payload = new Uint8Array([49]);
	const records = (): RecordInput[] => [{ payload }];
	const taken = records();
	const calls = [store.produce("s", "g", taken)];
	taken.push({ payload: "late" });
	payload[0] = 50;
	calls.push(store.publish("s", "g", payload));
	payload[0] = 51;
	const together = store.transact([{ space: "s", segment: "g", records: records() }]);
	payload[0] = 52;
	calls.push(store.produce("s", "g", records()));
	payload[0] = 53;
	await Promise.all([...calls, together]);
	assert.deepEqual(lines(await store.consumeSpace({ space: "s" }).toArray()), ["g/1=1", "g/2=2", "g/3=3", "g/4=4"]);
});

test("what a getter publishes while a record is taken is a record of its own", async (t) => {
	const store = await storeIn(t);
	const inner: Promise<unknown>[] = [];
	const publishing = <T>(value: T): T => {
		inner.push(store.publish("s", "inner", "within", { metadata: { of: "inner" } }));
		return value;
	};
	await store.publish("s", "outer", "1", {
		get metadata() {
			return publishing({ of: "outer" });
		},
	});
	await store.publish("s", "outer", "2", {
		metadata: {
			get of() {
				return publishing("outer");
			},
		},
	});
	await Promise.all(inner);
	const entries = await store.consumeSpace({ space: "s" }).toArray();
	assert.deepEqual(lines(entries).sort(), ["inner/1=within", "inner/2=within", "outer/1=1", "outer/2=2"]);
	for (const { metadata, segment } of entries) assert.deepEqual(metadata, { of: segment });
});

test("a clock that gives no time is named, whatever it does instead", async (t) => {
	const unhandled: unknown[] = [];
	const note = (error: unknown): void => void unhandled.push(error);
	process.on("unhandledRejection", note);
	t.after(() => void process.off("unhandledRejection", note));
	const fails = (): never => {
		throw new Error("no clock");
	};
	const clocks: (() => unknown)[] = [fails, async () => fails(), async () => 5, () => "5", () => undefined, () => 5n];
	for (const time of [Number.NaN, Number.POSITIVE_INFINITY, 2 ** 48]) clocks.push(() => time);
	let clock: () => unknown = () => 1000;
	const store = await storeIn(t, { clock: () => clock() as number, retentionInterval: 0 });
	await store.publish("s", "g", "1");
	for (clock of clocks) {
		for (const call of [
			() => store.publish("s", "g", "x"),
			() => store.streams.append("st", "x"),
			() => store.withLease("k", 100, () => 1),
			() => store.streams.group("st", "g").read("c"),
		]) {
			const error = await refuses("INVALID_ARGUMENT", call, /^clock: must give milliseconds below 2\^48/);
			assert.equal(error.details["argument"], "clock");
		}
	}
	clock = () => 2000;
	assert.equal((await store.publish("s", "g", "2")).lastSequence, 2);
	await new Promise((resolve) => setTimeout(resolve, 5));
	assert.deepEqual(unhandled, []);
});

test("records up to the limit are stored", async (t) => {
	const store = await storeIn(
		t,
		{},
		memoryHost({ limits: { maxValueBytes: 8192, blockBytes: 4096, maxBatchBytes: 32_768, maxBatchOps: 64 } }),
	);
	const large = new Uint8Array(store.limits.maxRecordBytes).fill(7);
	await store.publish("s", "g", large);
	assert.deepEqual((await store.peek("s", "g")).payload, large);
});

test("a write whose signal has fired stores nothing", async (t) => {
	const host = gated(memoryHost());
	const store = await storeIn(t, {}, host);
	const reason = { why: "enough" };
	assert.equal(await rejection(store.publish("s", "g", "x", { signal: AbortSignal.abort(reason) })), reason);
	assert.equal(await rejection(store.produce("s", "g", numbered(1), { signal: AbortSignal.abort(reason) })), reason);
	// One commit is under way: the next append waits in the queue, and is dropped from it.
	await store.publish("s", "g", "0");
	host.shut();
	const underway = store.publish("s", "g", "1");
	await until(() => host.waiting > 0);
	const controller = new AbortController();
	const queued = store.publish("s", "g", "2", { signal: controller.signal });
	const kept = store.publish("s", "g", "3");
	controller.abort(reason);
	assert.equal(await rejection(queued), reason);
	host.open();
	await underway;
	await kept;
	assert.deepEqual(lines(await store.consumeSegment({ space: "s", segment: "g" }).toArray()), [
		"g/1=0",
		"g/2=1",
		"g/3=3",
	]);
	// Once the host has it, the answer is waited for.
	host.shut();
	const late = new AbortController();
	const handed = store.publish("s", "g", "4", { signal: late.signal });
	await until(() => host.waiting > 0);
	late.abort(reason);
	host.open();
	assert.equal((await handed).lastSequence, 4);
});

test("a signal that fires while a write reads takes it back", async () => {
	const writes: Record<string, (store: Store, signal: AbortSignal) => Promise<unknown>> = {
		create: (store, signal) => store.streams.create("new", { signal }),
		alter: (store, signal) => store.streams.alter("s", { retention: { maxCount: 1 }, signal }),
		trim: (store, signal) => store.streams.trim("s", { maxCount: 1 }, { signal }),
		delete: (store, signal) => store.streams.delete("s", { force: true, signal }),
		withLease: (store, signal) => store.withLease("k", 1000, () => 1, { signal }),
	};
	for (const [name, write] of Object.entries(writes)) {
		const memory = memoryHost();
		const first = await openStore(memory);
		await first.streams.append("s", ["1", "2", "3"]);
		await first.close();
		const controller = new AbortController();
		let armed = false;
		let commits = 0;
		const read = async <T>(run: () => T): Promise<Awaited<T>> => {
			if (armed) controller.abort("enough");
			await new Promise((resolve) => setTimeout(resolve, 1));
			return await run();
		};
		const host: HostKv = {
			name: "asked",
			limits: memory.limits,
			get: (keys) => read(() => memory.get(keys)),
			scan: (range) => read(() => memory.scan(range)),
			commit(batch) {
				if (armed) commits++;
				return memory.commit(batch);
			},
		};
		const store = await openStore(host, { autoCompact: false, retentionInterval: 0 });
		await store.streams.list();
		armed = true;
		assert.equal(await rejection(write(store, controller.signal)), "enough", name);
		await store.close();
		assert.equal(commits, 0, name);
	}
});

test("what is stored to its end is answered so, whatever comes during its last commit", async () => {
	const ends = {
		signal: (_: Store, controller: AbortController) => controller.abort("late"),
		close: (store: Store) => void store.close(),
	};
	const writes = {
		publish: (store: Store, signal: AbortSignal) => store.publish("s", "g", "1", { signal }),
		produce: (store: Store, signal: AbortSignal) => store.produce("s", "g", numbered(1), { signal }),
		produceStream: async (store: Store, signal: AbortSignal) =>
			(await collect(store.produceStream("s", "g", numbered(1), { signal }))).at(-1),
		"streams.append": (store: Store, signal: AbortSignal) => store.streams.append("s", "1", { signal }),
	};
	for (const [what, end] of Object.entries(ends)) {
		for (const [name, write] of Object.entries(writes)) {
			const memory = memoryHost();
			const host = gated(memory);
			const store = await openStore(host);
			host.shut();
			const controller = new AbortController();
			const pending = write(store, controller.signal);
			await until(() => host.waiting > 0);
			end(store, controller);
			host.open();
			assert.ok((await pending) !== undefined, `${name}, ${what}`);
			await store.close();
			const again = await openStore(memory);
			assert.equal((await again.consumeSpace({ space: "s" }).toArray()).length, 1);
			await again.close();
		}
	}
});

test("a signal ends the wait for a slow source", async (t) => {
	const store = await storeIn(t);
	const controller = new AbortController();
	async function* slow(): AsyncGenerator<RecordInput> {
		yield { payload: "1" };
		await new Promise(() => {});
	}
	const pending = store.produce("s", "g", slow(), { signal: controller.signal });
	setTimeout(() => controller.abort("stop"), 5);
	assert.equal(await rejection(pending), "stop");
	assert.equal(await store.getSegmentStatus("s", "g"), undefined);
});

test("close ends the wait for a source that is silent, and closes it", async () => {
	for (const [name, write] of Object.entries({
		produce: (store: Store, source: AsyncIterable<never>) => store.produce("s", "g", source),
		produceStream: (store: Store, source: AsyncIterable<never>) => collect(store.produceStream("s", "g", source)),
		import: (store: Store, source: AsyncIterable<never>) => store.import(source),
	})) {
		const store = await openStore(memoryHost());
		let asked = false;
		let closed = false;
		const next = (): Promise<IteratorResult<never>> => {
			asked = true;
			return new Promise(() => {});
		};
		const back = async (): Promise<never> => {
			closed = true;
			throw new Error("nobody waits for this");
		};
		const source = { [Symbol.asyncIterator]: () => ({ next, return: back }) };
		const pending = refuses("CLOSED", write(store, source));
		await until(() => asked);
		await store.close();
		await Promise.race([pending, new Promise((_, reject) => setTimeout(reject, 5000, new Error(`${name} hangs`)))]);
		assert.ok(closed, name);
	}
});

test("a source that is silent after some chunks is closed with the store, and the error says what was stored", async () => {
	const memory = memoryHost({
		limits: { maxValueBytes: 8192, blockBytes: 4096, maxBatchBytes: 32_768, maxBatchOps: 64 },
	});
	const store = await openStore(memory);
	let silent = false;
	async function* source(): AsyncGenerator<RecordInput> {
		for (let i = 0; i < 300; i++) yield { payload: "x".repeat(500) };
		silent = true;
		await new Promise(() => {});
	}
	const pending = refuses("CLOSED", store.produce("s", "g", source()));
	await until(() => silent);
	const before = await store.getSegmentStatus("s", "g");
	await store.close();
	const committed = (await pending).details["committed"] as SegmentStatus;
	assert.ok(committed.lastSequence >= (before?.lastSequence ?? 1));
});

test("close waits for writes, and what comes later is CLOSED", async () => {
	const host = gated(memoryHost());
	const store = await openStore(host);
	await store.publish("s", "g", "0");
	host.shut();
	const pending = store.publish("s", "g", "1");
	await until(() => host.waiting > 0);
	let closed = false;
	const closing = store.close().then(() => {
		closed = true;
	});
	await refuses("CLOSED", store.publish("s", "g", "2"));
	await new Promise((resolve) => setTimeout(resolve, 10));
	assert.ok(!closed);
	host.open();
	assert.equal((await pending).lastSequence, 2);
	await closing;
	await store.close();
	await refuses("CLOSED", store.peek("s", "g"));
	await refuses("CLOSED", store.consumeSpace({ space: "s" }).toArray());
	await refuses("CLOSED", collect(store.getSpaces()));
	await refuses("CLOSED", store.health());
	await refuses("CLOSED", store.produce("s", "g", numbered(1)));
	await refuses("CLOSED", store.transact([{ space: "s", segment: "g", records: numbered(1) }]));
	await refuses(
		"CLOSED",
		store.subscribeToSpace("s", () => {}),
	);
	await refuses(
		"CLOSED",
		store.withLease("k", 1000, () => 1),
	);
	const again = await openStore(host);
	assert.equal((await again.getSegmentStatus("s", "g"))?.lastSequence, 2);
	await again[Symbol.asyncDispose]();
	await refuses("CLOSED", again.peek("s", "g"));
});

test("two stores on one host share its data", async (t) => {
	const host = memoryHost();
	const [a, b] = [await storeIn(t, {}, host), await storeIn(t, {}, host)];
	await Promise.all(Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? a : b).publish("s", "g", String(i))));
	const read = await b.consumeSegment({ space: "s", segment: "g" }).toArray();
	assert.deepEqual(
		read.map(({ sequence }) => sequence),
		Array.from({ length: 40 }, (_, i) => i + 1),
	);
	assert.equal(new Set(read.map((entry) => entry.text())).size, 40);
	assert.deepEqual(await a.getSegmentStatus("s", "g"), await b.getSegmentStatus("s", "g"));
});
