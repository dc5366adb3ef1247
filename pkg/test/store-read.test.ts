import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import {
	type Entry,
	type EntryStream,
	type HostKv,
	LexKey,
	type ListOptions,
	memoryHost,
	type Offset,
	type Store,
} from "../src/entry/node.js";
import { manualClock } from "../src/testing.js";
import { collect, lines, numbered, refuses, rejection, storeIn, until } from "./support/store.js";

async function filled(store: Store, clock: ReturnType<typeof manualClock>): Promise<void> {
	// Two segments, interleaved, one millisecond apart.
	for (let i = 1; i <= 10; i++) {
		await store.publish("s", i % 2 === 1 ? "odd" : "even", String(i));
		clock.advance(1);
	}
}

const payloads = (entries: Iterable<Entry>): string => [...entries].map((entry) => entry.text()).join(" ");

test("a segment is read in sequence order, within its bounds", async (t) => {
	const clock = manualClock(1000);
	const store = await storeIn(t, { clock });
	await filled(store, clock);
	const read = async (args: object): Promise<string> =>
		payloads(await store.consumeSegment({ space: "s", segment: "odd", ...args }).toArray());
	assert.equal(await read({}), "1 3 5 7 9");
	assert.equal(await read({ minSequence: 2 }), "3 5 7 9");
	assert.equal(await read({ minSequence: 0 }), "1 3 5 7 9");
	assert.equal(await read({ maxSequence: 2 }), "1 3");
	assert.equal(await read({ maxSequence: 0 }), "");
	assert.equal(await read({ minSequence: 2, maxSequence: 4 }), "3 5 7");
	assert.equal(await read({ minSequence: 9 }), "");
	assert.equal(await read({ limit: 2 }), "1 3");
	assert.equal(await read({ limit: 0 }), "1 3 5 7 9");
	assert.equal(await read({ minTimestamp: 1002, maxTimestamp: 1006 }), "3 5 7");
	assert.equal(await read({ minTimestamp: 2000 }), "");
	assert.equal(await read({ maxTimestamp: 0 }), "");
	assert.equal(await read({ maxTimestamp: Number.MAX_SAFE_INTEGER }), "1 3 5 7 9");
});

test("a space is read in commit order, within its bounds", async (t) => {
	const clock = manualClock(1000);
	const store = await storeIn(t, { clock });
	await filled(store, clock);
	const read = async (args: object): Promise<string> =>
		payloads(await store.consumeSpace({ space: "s", ...args }).toArray());
	assert.equal(await read({}), "1 2 3 4 5 6 7 8 9 10");
	assert.equal(await read({ limit: 3 }), "1 2 3");
	assert.equal(await read({ minTimestamp: 1003, maxTimestamp: 1004 }), "4 5");
	assert.equal(payloads(await store.consumeSpace({ space: "other" }).toArray()), "");
});

test("whoever writes to a payload changes nothing for others", async (t) => {
	const store = await storeIn(t);
	const records = Array.from({ length: 20 }, (_, i) => ({ payload: new Uint8Array(i < 10 ? 6000 : 60).fill(i + 1) }));
	await store.produce("s", "g", records.slice(0, 10));
	for (const record of records.slice(10)) await store.produce("s", "g", [record]);
	const intact = async (what: string): Promise<void> => {
		const reads = [store.consumeSegment({ space: "s", segment: "g" }), store.consumeSpace({ space: "s" })];
		for (const read of reads) {
			const payloads = (await read.toArray()).map((entry) => entry.payload);
			assert.deepEqual(
				payloads,
				records.map(({ payload }) => payload),
				what,
			);
			for (const payload of payloads) payload.fill(0);
		}
	};
	// Once more, from what the engine remembers.
	for (const what of ["at first", "again", "and again"]) await intact(what);
	await store.compact();
	await intact("merged");
});

test("payloads do not share a buffer of the host that holds more than theirs, or that is shared", async (t) => {
	const inner = memoryHost();
	let buffer = (length: number): ArrayBufferLike => new ArrayBuffer(length);
	const host: HostKv = {
		name: "shared",
		limits: inner.limits,
		get: (keys) => inner.get(keys),
		commit: (batch) => inner.commit(batch),
		async scan(range) {
			const page = await inner.scan(range);
			const all = new Uint8Array(buffer(page.values.reduce((sum, value) => sum + value.length, 0)));
			let at = 0;
			const values = page.values.map((value) => {
				all.set(value, at);
				at += value.length;
				return all.subarray(at - value.length, at);
			});
			return { ...page, values };
		},
	};
	const store = await storeIn(t, { autoCompact: false }, host);
	for (let i = 1; i <= 4; i++) await store.produce("s", "g", [{ payload: new Uint8Array(50_000).fill(i) }]);
	// The first of them brings along what the engine remembers of the others.
	for await (const { payload } of store.consumeSpace({ space: "s", limit: 1 }))
		structuredClone(payload, { transfer: [payload.buffer] });
	const all = await store.consumeSpace({ space: "s" }).toArray();
	assert.deepEqual(
		all.map(({ payload }) => [payload.length, payload[0]]),
		[1, 2, 3, 4].map((n) => [50_000, n]),
	);
	buffer = (length) => new SharedArrayBuffer(length);
	const [last] = await store.consumeSegment({ space: "s", segment: "g", minSequence: 4 }).toArray();
	assert.ok(last?.payload.buffer instanceof ArrayBuffer);
});

test("very many segments in one page keep their own entries", async (t) => {
	const store = await storeIn(t);
	// In flight, so that a commit has many; more of them than the engine remembers names for.
	const appends = Array.from({ length: 2000 }, (_, i) => store.publish("s", `segment-${i % 700}`, String(i)));
	const appended = await Promise.all(appends);
	const expected = appended.map(({ segment, lastSequence }, i) => `${segment} ${lastSequence} ${i}`);
	const read = async (): Promise<string[]> => {
		const all: string[] = [];
		for await (const page of store.consumeSpace({ space: "s" }).pages())
			for (const entry of page) all.push(`${entry.segment} ${entry.sequence} ${entry.text()}`);
		return all;
	};
	assert.deepEqual(await read(), expected);
	await store.compact();
	assert.deepEqual(await read(), expected);
});

test("an offset resumes after its entry, as key, bytes or hex", async (t) => {
	const clock = manualClock(1000);
	const store = await storeIn(t, { clock });
	await filled(store, clock);
	const all = await store.consumeSpace({ space: "s" }).toArray();
	for (const [i, entry] of all.entries()) {
		const key = entry.spaceOffset();
		for (const offset of [key, key.bytes, key.toHex()] as Offset[]) {
			const rest = await store.consumeSpace({ space: "s", offset }).toArray();
			assert.equal(payloads(rest), payloads(all.slice(i + 1)));
		}
		const { segment, sequence } = entry;
		const after = await store.consumeSegment({ space: "s", segment, offset: entry.segmentOffset() }).toArray();
		assert.deepEqual(
			after.map((one) => one.sequence),
			Array.from({ length: 5 - sequence }, (_, k) => sequence + 1 + k),
		);
	}
	assert.equal(payloads(await store.consumeSpace({ space: "s", offset: "" }).toArray()), payloads(all));
	assert.equal(payloads(await store.consumeSpace({ space: "s", offset: LexKey.fromHex("") }).toArray()), payloads(all));
	const none = await store.peek("s", "nothing");
	assert.equal(
		(await store.consumeSegment({ space: "s", segment: "nothing", offset: none.segmentOffset() }).toArray()).length,
		0,
	);
});

test("bad reads are refused at the first step", async (t) => {
	const store = await storeIn(t);
	const foreign = LexKey.encode("DAT", "SPACES", "t", 1n, 1n);
	const cases: [RegExp, () => AsyncIterable<unknown>][] = [
		[/^args: /, () => store.consumeSpace(undefined as never)],
		[/^space: /, () => store.consumeSpace({ space: "" })],
		[/^segment: /, () => store.consumeSegment({ space: "s", segment: "\n" })],
		[/^offset: /, () => store.consumeSpace({ space: "s", offset: foreign })],
		[/^offset: /, () => store.consumeSpace({ space: "s", offset: "rubbish" })],
		[/^offset: /, () => store.consumeSpace({ space: "s", offset: null as never })],
		[/^offset: /, () => store.consumeSpace({ space: "s", offset: new Proxy(new Uint8Array(1), {}) })],
		[/^offset: /, () => store.consumeSegment({ space: "s", segment: "g", offset: null as never })],
		[/^offset: /, () => store.consumeSegment({ space: "s", segment: "g", offset: foreign })],
		[/^offset: /, () => store.consumeSegment({ space: "s", segment: "g", offset: "", minSequence: 1 })],
		[/^minSequence: /, () => store.consumeSegment({ space: "s", segment: "g", minSequence: 2, maxSequence: 1 })],
		[/^minTimestamp: /, () => store.consumeSpace({ space: "s", minTimestamp: 2, maxTimestamp: 1 })],
		[/^minTimestamp: /, () => store.consumeSpace({ space: "s", minTimestamp: -1 })],
		[/^limit: /, () => store.consumeSpace({ space: "s", limit: 1.5 })],
		[/^follow: /, () => store.consumeSpace({ space: "s", follow: 1 as never })],
		[/^offsets: /, () => store.consume({ offsets: undefined as never })],
		[/^offsets\["s"\]: /, () => store.consume({ offsets: { s: foreign } })],
		[/^offsets\["s"\]: /, () => store.consume({ offsets: { s: null as never } })],
		[/^offsets key: /, () => store.consume({ offsets: { "": "" } })],
		[/^maxEntries: /, () => store.consumeSpace({ space: "s" }).pages({ maxEntries: 0 })],
		[/^prefix: /, () => store.getSpaces({ prefix: 5 as never })],
		[/^after: /, () => store.getSpaces({ after: "\ud800" })],
		[/^limit: /, () => store.getSegments("s", { limit: -1 })],
		[/^space: /, () => store.getSegments("")],
	];
	for (const [message, make] of cases) {
		const stream = make();
		await refuses("INVALID_ARGUMENT", collect(stream), message);
	}
	await refuses("INVALID_ARGUMENT", store.consumeSpace({ space: "s", follow: true }).toArray(), /^follow: /);
	const none = undefined as never;
	for (const read of [store.consumeSegment(none), store.consumeSpace(none), store.consume(none)]) {
		await refuses("INVALID_ARGUMENT", read.toArray(), /^args: /);
	}
});

test("a stream is cold and can be read again", async (t) => {
	const store = await storeIn(t);
	const stream = store.consumeSegment({ space: "s", segment: "g" });
	await store.produce("s", "g", numbered(3));
	assert.equal(payloads(await stream.toArray()), "1 2 3");
	await store.publish("s", "g", "4");
	assert.equal(payloads(await collect(stream)), "1 2 3 4");
});

test("pages, arrays and web streams hold the same", async (t) => {
	const store = await storeIn(t);
	await store.produce("s", "g", numbered(10_000));
	const stream = store.consumeSegment({ space: "s", segment: "g" });
	const expected = lines(await stream.toArray());
	assert.equal(expected.length, 10_000);
	assert.equal(expected[9999], "g/10000=10000");
	assert.deepEqual(lines(await collect(stream)), expected);
	const pages = await collect(stream.pages({ maxEntries: 700 }));
	assert.ok(pages.every((page) => page.length >= 1 && page.length <= 700));
	assert.deepEqual(lines(pages.flat()), expected);
	const web: Entry[] = [];
	for await (const entry of stream.toReadableStream()) web.push(entry);
	assert.deepEqual(lines(web), expected);
	const reader = stream.toReadableStream().getReader();
	assert.equal((await reader.read()).value?.sequence, 1);
	await reader.cancel();
});

test("steps asked for at once come in order", async (t) => {
	const store = await storeIn(t);
	await store.produce("s", "g", numbered(600));
	const iterator = store.consumeSegment({ space: "s", segment: "g" })[Symbol.asyncIterator]();
	const steps = await Promise.all(Array.from({ length: 605 }, () => iterator.next()));
	assert.deepEqual(
		steps.map((step) => (step.done === true ? 0 : (step.value as Entry).sequence)),
		[...Array.from({ length: 600 }, (_, i) => i + 1), 0, 0, 0, 0, 0],
	);
});

test("steps asked for while earlier ones are under way come in order, however many those are", async (t) => {
	const store = await storeIn(t);
	await store.produce("s", "g", numbered(600));
	for (const ahead of [1, 2, 5]) {
		const iterator = store.consumeSegment({ space: "s", segment: "g" })[Symbol.asyncIterator]();
		const steps = Array.from({ length: ahead }, () => iterator.next());
		for (let sequence = 1; sequence <= 600; sequence++) {
			const step = await (steps.shift() as ReturnType<typeof iterator.next>);
			assert.equal(step.done === true ? 0 : (step.value as Entry).sequence, sequence);
			steps.push(iterator.next());
		}
		for (const step of steps) assert.equal((await step).done, true);
	}
});

test("peek gives the latest entry, or an empty one", async (t) => {
	const store = await storeIn(t);
	const nothing = await store.peek("s", "g");
	assert.equal(nothing.id, "0-0");
	assert.equal(nothing.space, "s");
	await store.produce("s", "g", numbered(3));
	assert.equal((await store.peek("s", "g")).text(), "3");
	assert.equal((await store.peek("s", "g")).sequence, 3);
});

test("names are listed in byte order, from, below and up to", async (t) => {
	const store = await storeIn(t);
	const names = ["order-1", "order-10", "order-2", "z", "\u{10000}", "\u{ff61}", "a"];
	for (const name of names) await store.publish(name, name, "x");
	const sorted = ["a", "order-1", "order-10", "order-2", "z", "\u{ff61}", "\u{10000}"];
	assert.deepEqual(await collect(store.getSpaces()), sorted);
	assert.deepEqual(await collect(store.getSpaces({ prefix: "order-1" })), ["order-1", "order-10"]);
	assert.deepEqual(await collect(store.getSpaces({ after: "order-1" })), sorted.slice(2));
	assert.deepEqual(await collect(store.getSpaces({ after: "order-1", limit: 2 })), sorted.slice(2, 4));
	assert.deepEqual(await collect(store.getSegments("order-1")), ["order-1"]);
	assert.deepEqual(await collect(store.getSegments("order")), []);
	for (let i = 0; i < 25; i++) await store.publish("many", `g${String(i).padStart(2, "0")}`, "x");
	assert.equal((await collect(store.getSegments("many"))).length, 25);
	assert.equal(await store.getSegmentStatus("many", "nothing"), undefined);
});

test("lists of names and of streams go on beyond a page, to their limits", async (t) => {
	const store = await storeIn(t);
	const names = Array.from({ length: 2001 }, (_, i) => `n${String(i).padStart(4, "0")}`);
	await store.transact(names.map((segment) => ({ space: "many", segment, records: [{ payload: "x" }] })));
	for (const [options, listed] of [
		[{}, names],
		[{ limit: 1500 }, names.slice(0, 1500)],
		[{ limit: 2000, after: "n0000" }, names.slice(1)],
		[{ prefix: "n1", limit: 1001 }, names.slice(1000, 2000)],
	] as const)
		assert.deepEqual(await collect(store.getSegments("many", options)), listed);
	await Promise.all(names.map((name) => store.streams.create(name)));
	for (const [options, listed] of [
		[{}, names],
		[{ limit: 1500 }, names.slice(0, 1500)],
		[{ limit: 2000, after: "n0000" }, names.slice(1)],
		[{ prefix: "n1", limit: 1001 }, names.slice(1000, 2000)],
	] as const) {
		const streams = await store.streams.list({ prefix: "n", ...options });
		assert.deepEqual(
			streams.map(({ name }) => name),
			listed,
		);
	}
});

test("spaces merge by timestamp, number and name", async (t) => {
	const clock = manualClock(1000);
	const store = await storeIn(t, { clock });
	const written: string[] = [];
	for (let i = 0; i < 300; i++) {
		const space = ["c", "a", "b"][i % 3] as string;
		await store.publish(space, "g", String(i));
		written.push(String(i));
		if (i % 3 === 2) clock.advance(1);
	}
	const merged = await store.consume({ offsets: { a: "", b: "", c: "", empty: "" } }).toArray();
	assert.equal(merged.length, 300);
	const keys = merged.map((entry) => [entry.timestamp, Number(entry.id.split("-")[1]), entry.space] as const);
	assert.deepEqual(
		keys,
		[...keys].sort((x, y) => x[0] - y[0] || x[1] - y[1] || (x[2] < y[2] ? -1 : 1)),
	);
	const half = merged.slice(0, 150);
	const offsets: Record<string, Offset> = { a: "", b: "", c: "" };
	for (const entry of half) offsets[entry.space] = entry.spaceOffset();
	const rest = await store.consume({ offsets }).toArray();
	assert.deepEqual(lines([...half, ...rest]), lines(merged));
	assert.deepEqual(
		lines(await store.consume({ offsets: { a: "", b: "", c: "" }, limit: 10 }).toArray()),
		lines(merged.slice(0, 10)),
	);
	assert.equal((await store.consume({ offsets: {} }).toArray()).length, 0);
});

test("following goes on as entries are committed, to its limit", async (t) => {
	const store = await storeIn(t);
	await store.produce("s", "g", numbered(2));
	const seen: string[] = [];
	const reading = (async () => {
		for await (const entry of store.consumeSegment({ space: "s", segment: "g", follow: true, limit: 5 })) {
			seen.push(entry.text());
			if (entry.text() === "2") setTimeout(() => void store.produce("s", "g", numbered(2, 3)), 5);
			if (entry.text() === "4") setTimeout(() => void store.produce("s", "g", numbered(3, 5)), 5);
		}
	})();
	await reading;
	assert.equal(seen.join(" "), "1 2 3 4 5");
	assert.equal(
		payloads(await store.consumeSegment({ space: "s", segment: "g", follow: true, maxSequence: 3 }).toArray()),
		"1 2 3",
	);
});

test("following ends where the space has passed the latest time wanted", async (t) => {
	const clock = manualClock(5_000);
	const store = await storeIn(t, { clock });
	await store.produce("s", "g", numbered(2));
	const args = { space: "s", segment: "g", follow: true, maxTimestamp: 5_500 };
	const reading = store.consumeSegment(args).toArray();
	clock.advance(400);
	await store.publish("s", "g", "3");
	clock.advance(101);
	await store.publish("s", "other", "4");
	assert.equal(payloads(await reading), "1 2 3");
	assert.equal(payloads(await store.consumeSegment({ ...args, minSequence: 9 }).toArray()), "");
});

test("a follower of a space sees another store's writes", async (t) => {
	const host = memoryHost();
	const [a, b] = [await storeIn(t, {}, host), await storeIn(t, {}, host)];
	const reading = b.consumeSpace({ space: "s", follow: true, limit: 3 }).toArray();
	await a.publish("s", "x", "1");
	await a.publish("s", "y", "2");
	await a.publish("s", "x", "3");
	assert.deepEqual(lines(await reading), ["x/1=1", "y/1=2", "x/2=3"]);
});

test("following several spaces waits for none of them", async (t) => {
	const store = await storeIn(t);
	const reading = store.consume({ offsets: { a: "", b: "" }, follow: true, limit: 4 }).toArray();
	for (const [space, payload] of [
		["a", "1"],
		["a", "2"],
		["b", "3"],
		["a", "4"],
	] as const) {
		await store.publish(space, "g", payload);
		await new Promise((resolve) => setTimeout(resolve, 3));
	}
	assert.deepEqual(
		payloads(await reading)
			.split(" ")
			.sort(),
		["1", "2", "3", "4"],
	);
});

test("a space is heard of while a read of several is far behind in another", { timeout: 60_000 }, async (t) => {
	const store = await storeIn(t);
	const full = numbered(20_000);
	await store.produce("busy", "g", full);
	let read = 0;
	for await (const entry of store.consume({ offsets: { busy: "", quiet: "" }, follow: true })) {
		if (entry.space === "quiet") break;
		// Whoever writes is always ahead.
		if (read++ % full.length === 0) await store.produce("busy", "g", full);
		if (read === 1) await store.publish("quiet", "g", "x");
		assert.ok(read < 5 * full.length, `nothing of it in ${read} entries`);
	}
});

test("a read of several spaces that has come to its limit waits for none of them", async (t) => {
	const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
	// Nobody else may write: whoever waits there keeps the process alive.
	const store = await storeIn(t, { autoCompact: false }, memoryHost({ limits: { shared: false } }));
	const idle = timers();
	const ways = [(read: EntryStream) => read.toArray(), collect<Entry>, (read: EntryStream) => collect(read.pages())];
	for (const [i, way] of ways.entries()) {
		const space = `s${i}`;
		const reading = way(store.consume({ offsets: { [space]: "", never: "" }, follow: true, limit: 1 }));
		await until(() => timers() > idle);
		await store.publish(space, "g", "x");
		assert.equal((await reading).length, 1);
		await until(() => timers() === idle, 5000);
	}
});

test("a signal ends a wait at once, with its reason", async (t) => {
	const store = await storeIn(t);
	await store.publish("s", "g", "1");
	const reason = { why: "enough" };
	for (const make of [
		(signal: AbortSignal) => store.consumeSegment({ space: "s", segment: "g", follow: true, signal }),
		(signal: AbortSignal) => store.consumeSpace({ space: "s", follow: true, signal }),
		(signal: AbortSignal) => store.consume({ offsets: { s: "", t: "" }, follow: true, signal }),
	]) {
		const controller = new AbortController();
		setTimeout(() => controller.abort(reason), 10);
		assert.equal(await rejection(collect(make(controller.signal))), reason);
		assert.equal(await rejection(collect(make(AbortSignal.abort(reason)))), reason);
	}
	const signal = AbortSignal.abort(reason);
	assert.equal(await rejection(store.peek("s", "g", { signal })), reason);
	assert.equal(await rejection(store.getSegmentStatus("s", "g", { signal })), reason);
	assert.equal(await rejection(collect(store.getSpaces({ signal }))), reason);
	for (const name of ["1", "2", "3"]) await store.publish(`space-${name}`, "g", "x");
	for (const name of ["1", "2", "3"]) await store.publish("names", name, "x");
	for (const [last, list] of [
		["space-2", (options: ListOptions) => store.getSpaces(options)],
		["2", (options: ListOptions) => store.getSegments("names", options)],
		["3", (options: ListOptions) => store.getSegments("names", options)],
	] as const) {
		const controller = new AbortController();
		const seen: string[] = [];
		const loop = async (): Promise<void> => {
			for await (const name of list({ signal: controller.signal })) {
				seen.push(name);
				if (name === last) controller.abort(reason);
			}
		};
		assert.equal(await rejection(loop()), reason);
		assert.equal(seen.at(-1), last, "no name comes after the abort");
	}
});

test("a signal that fires at any moment between reading and waiting ends a read that follows", async (t) => {
	const host = memoryHost();
	// No poll may help out.
	const [store, other] = [await storeIn(t, { pollInterval: 3_600_000 }, host), await storeIn(t, {}, host)];
	await store.publish("s", "g", "1");
	for (let turns = 0; turns < 60; turns++) {
		const controller = new AbortController();
		const { signal } = controller;
		const streams = [
			store.consumeSegment({ space: "s", segment: "g", follow: true, signal }),
			store.consumeSpace({ space: "s", follow: true, signal }),
			store.consume({ offsets: { s: "", t: "" }, follow: true, signal }),
		];
		const reading = streams.map((stream) => rejection(collect(stream)));
		await new Promise((resolve) => setTimeout(resolve, 0));
		// Wakes them: they read once more, then wait again.
		await other.publish("t", "g", "x");
		for (let i = 0; i < turns; i++) await undefined;
		controller.abort("stop");
		assert.deepEqual(await Promise.all(reading), ["stop", "stop", "stop"]);
	}
});

test("aborting between entries ends the read though its page holds more", async (t) => {
	const store = await storeIn(t);
	await store.produce("s", "g", numbered(10));
	const controller = new AbortController();
	const seen: string[] = [];
	const reading = (async () => {
		for await (const entry of store.consumeSegment({ space: "s", segment: "g", signal: controller.signal })) {
			seen.push(entry.text());
			if (seen.length === 3) controller.abort("stop");
		}
	})();
	assert.equal(await rejection(reading), "stop");
	assert.equal(seen.length, 3);
});

test("leaving a loop or an iterator ends a wait", async (t) => {
	const store = await storeIn(t);
	const iterator = store.consumeSegment({ space: "s", segment: "g", follow: true })[Symbol.asyncIterator]();
	const pending = iterator.next();
	await new Promise((resolve) => setTimeout(resolve, 5));
	await iterator.return?.();
	assert.equal((await pending).done, true);
});

test("an iterator that was left gives nothing more of the page that it was in", async (t) => {
	const store = await storeIn(t);
	await store.produce("s", "g", numbered(10));
	const iterator = store.consumeSpace({ space: "s" })[Symbol.asyncIterator]();
	assert.equal((await iterator.next()).value?.text(), "1");
	assert.equal((await iterator.return?.())?.done, true);
	assert.deepEqual(await iterator.next(), { done: true, value: undefined });
});

test("cancelling a web stream ends its wait", async (t) => {
	const store = await storeIn(t);
	const { signal } = new AbortController();
	const waits = (): boolean => getEventListeners(signal, "abort").length > 0;
	const reader = store.consumeSpace({ space: "s", follow: true, signal }).toReadableStream().getReader();
	const next = reader.read();
	await until(waits);
	await reader.cancel();
	assert.equal((await next).done, true);
	await until(() => !waits(), 10_000);
});

test("an iterator that was left while a step was under way gives nothing more", async (t) => {
	const store = await storeIn(t);
	await store.produce("s", "g", numbered(10));
	const entries = store.consumeSpace({ space: "s" });
	for (const iterable of [entries, entries.pages(), store.consume({ offsets: { s: "" } })]) {
		const iterator = iterable[Symbol.asyncIterator]();
		const step = iterator.next();
		assert.deepEqual(await iterator.return?.(), { done: true, value: undefined });
		assert.equal((await step).done, true);
		assert.equal((await iterator.next()).done, true);
	}
});

test("closing the store ends waiting readers with CLOSED", async (t) => {
	const store = await storeIn(t);
	await store.publish("s", "g", "1");
	const readers = [
		collect(store.consumeSegment({ space: "s", segment: "g", follow: true })),
		collect(store.consumeSpace({ space: "s", follow: true })),
		collect(store.consume({ offsets: { s: "" }, follow: true })),
	];
	await new Promise((resolve) => setTimeout(resolve, 10));
	const outcomes = Promise.allSettled(readers);
	await store.close();
	for (const outcome of await outcomes) {
		assert.equal(outcome.status, "rejected");
		assert.equal((outcome as PromiseRejectedResult).reason.code, "CLOSED");
	}
});

test("listeners do not pile up on a signal that lives long", async (t) => {
	const store = await storeIn(t);
	const { signal } = new AbortController();
	let listeners = 0;
	const { addEventListener, removeEventListener } = signal;
	signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
		listeners++;
		addEventListener.apply(signal, args);
	};
	signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
		listeners--;
		removeEventListener.apply(signal, args);
	};
	for (let i = 0; i < 20; i++) {
		await store.publish("s", "g", "x", { signal });
		await store.peek("s", "g", { signal });
		await store.getSegmentStatus("s", "g", { signal });
		await collect(store.consumeSegment({ space: "s", segment: "g", signal }));
		await store.produce("s", "g", numbered(2), { signal });
		await collect(store.getSpaces({ signal }));
	}
	assert.equal(listeners, 0);
});
