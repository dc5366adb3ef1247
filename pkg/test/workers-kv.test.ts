import assert from "node:assert/strict";
import { mock, test } from "node:test";
import fc from "fast-check";
import { workersKvHost } from "../src/cloudflare.js";
import { isStreamkitError, StreamkitError } from "../src/errors.js";
import type { HostBatch, HostKv } from "../src/host.js";
import { namesBetween } from "../src/hosts/cloudflare/kv-names.js";
import { keyOfText, textOfKey } from "../src/hosts/text-keys.js";
import { memoryHost, openStore, type Store } from "../src/index.js";
import { hostConformance } from "../src/testing.js";
import { FakeKv } from "./support/kv-namespace.js";
import { runner } from "./support/runner.js";
import "../src/entry/inline.js";

const utf8 = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(new TextEncoder().encode(text));
const put = (key: string, value: string): HostBatch => ({
	checks: [],
	deletes: [],
	puts: [{ key: utf8(key), value: utf8(value) }],
	durability: "relaxed",
});

let kv = new FakeKv();
hostConformance(runner("workers-kv"), {
	async open() {
		kv = new FakeKv();
		// Neighbours that no scan may show.
		for (const name of ["p", "p/", "p0((((((&", "p/not a key"]) await kv.put(name, new Uint8Array(1));
		return workersKvHost(kv, { prefix: "p/", writeInterval: 0 });
	},
	reopen: async () => workersKvHost(kv, { prefix: "p/", writeInterval: 0 }),
	second: async () => workersKvHost(kv, { prefix: "p/", writeInterval: 0 }),
});

test("what is no namespace, and options that are none, are refused by name", () => {
	const none = new FakeKv();
	for (const [argument, make] of [
		["kv", () => workersKvHost(null as never)],
		["kv.get", () => workersKvHost({ put() {}, delete() {}, list() {} } as never)],
		["kv.list", () => workersKvHost({ get() {}, put() {}, delete() {} } as never)],
		["prefix", () => workersKvHost(none, { prefix: 7 as never })],
		["prefix", () => workersKvHost(none, { prefix: "\ud800" })],
		["prefix", () => workersKvHost(none, { prefix: "x".repeat(162) })],
		["prefix", () => workersKvHost(none, { prefix: "\u20ac".repeat(54) })],
		["writeInterval", () => workersKvHost(none, { writeInterval: -1 })],
		["readOnly", () => workersKvHost(none, { readOnly: 1 as never })],
		["journal", () => workersKvHost(none, { journal: 5 as never })],
		["journal.name", () => workersKvHost(none, { journal: {} as never })],
		["journal", () => workersKvHost(none, { readOnly: true, journal: memoryHost() })],
		["journal", () => workersKvHost(none, { journal: memoryHost({ limits: { atomic: "none" } }) })],
		["journal", () => workersKvHost(none, { journal: memoryHost({ limits: { maxValueBytes: 4096 } }) })],
		["options", () => workersKvHost(none, "p" as never)],
	] as const) {
		assert.throws(
			make,
			(error) => isStreamkitError(error, "INVALID_ARGUMENT") && error.message.startsWith(argument),
			argument,
		);
	}
	assert.equal(workersKvHost(none, { prefix: "x".repeat(161) }).limits.maxKeyBytes, 280);
	assert.deepEqual(none.log, []);
});

test("a commit of more than one row, or with a check, is refused before anything is written", async () => {
	const fake = new FakeKv();
	const host = workersKvHost(fake);
	const two = { ...put("a", "1"), deletes: [utf8("b")] };
	const refused = async (batch: HostBatch, code: "LIMIT_EXCEEDED" | "UNSUPPORTED" | "INVALID_ARGUMENT") =>
		assert.rejects(
			async () => host.commit(batch),
			(error) => isStreamkitError(error, code),
		);
	await refused(two, "LIMIT_EXCEEDED");
	await refused({ ...put("a", "1"), checks: [{ key: utf8("a"), value: undefined }] }, "UNSUPPORTED");
	await refused(put("", "1"), "INVALID_ARGUMENT");
	await assert.rejects(
		async () => host.get([utf8("")]),
		(error) => isStreamkitError(error, "INVALID_ARGUMENT"),
	);
	assert.deepEqual(await host.commit({ checks: [], deletes: [], puts: [], durability: "strict" }), { applied: true });
	assert.deepEqual(fake.log, []);
});

test("a reader writes nothing, not even the identity of a store", async () => {
	const fake = new FakeKv();
	await assert.rejects(openStore(workersKvHost(fake, { readOnly: true })), (error) =>
		isStreamkitError(error, "UNSUPPORTED"),
	);
	assert.equal(fake.rows.size, 0);
	const writer = await openStore(workersKvHost(fake, { writeInterval: 0 }));
	await writer.publish("s", "a", "1");
	const reader = await openStore(workersKvHost(fake, { readOnly: true }));
	assert.equal(reader.id, writer.id);
	assert.equal((await reader.peek("s", "a")).text(), "1");
	await assert.rejects(reader.publish("s", "a", "2"), (error) => isStreamkitError(error, "UNSUPPORTED"));
	assert.equal((await writer.consumeSpace({ space: "s" }).toArray()).length, 1);
	await reader.close();
	await writer.close();
});

test("health says in sentences what does not hold", async () => {
	const warnings = async (options: Parameters<typeof workersKvHost>[1]): Promise<string[]> =>
		(await workersKvHost(new FakeKv(), options).health?.())?.warnings ?? [];
	const writer = (await warnings({})).join(" ");
	for (const what of [/older state/, /one commit a second/, /second writer/, /Without a journal/])
		assert.match(writer, what);
	assert.doesNotMatch((await warnings({ journal: memoryHost() })).join(" "), /Without a journal/);
	assert.equal((await warnings({ readOnly: true })).length, 1);
	const store = await openStore(workersKvHost(new FakeKv(), { writeInterval: 0 }));
	const health = await store.health();
	assert.equal(health.host, "workers-kv");
	assert.ok(health.warnings.some((sentence) => /no checks/.test(sentence)));
	assert.ok(health.warnings.some((sentence) => /second writer/.test(sentence)));
	await store.close();
});

test("a read at the end of what there is lists nothing, and one in the middle once a page", async () => {
	const fake = new FakeKv();
	const host = workersKvHost(fake, { writeInterval: 0 });
	const writer = await openStore(host);
	for (let i = 1; i <= 40; i++) await writer.publish("s", i % 2 === 0 ? "a" : "b", `${i} ${"x".repeat(5000)}`);
	const reader = await openStore(workersKvHost(fake, { readOnly: true }));
	const [last] = (await reader.consumeSpace({ space: "s" }).toArray()).slice(-1);
	const lists = async (read: () => Promise<unknown[]>): Promise<[number, number]> => {
		const before = fake.lists;
		const found = await read();
		return [found.length, fake.lists - before];
	};
	const offset = last?.spaceOffset();
	assert.deepEqual(await lists(() => reader.consumeSpace({ space: "s", offset }).toArray()), [0, 0]);
	assert.deepEqual(
		await lists(() => reader.consumeSegment({ space: "s", segment: "a", minSequence: 21 }).toArray()),
		[0, 0],
	);
	assert.deepEqual(
		await lists(() => reader.consumeSegment({ space: "s", segment: "a", minSequence: 11 }).toArray()),
		[10, 1],
	);
	await reader.close();
	await writer.close();
});

/** Lets everything that waits for no timer happen. */
async function settle(): Promise<void> {
	for (let i = 0; i < 50; i++) await Promise.resolve();
}

test("a key is written once a second, and others meanwhile", async () => {
	mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
	try {
		const fake = new FakeKv();
		const host = workersKvHost(fake);
		const puts = () => fake.log.filter((line) => line.startsWith("put")).length;
		await host.commit(put("a", "1"));
		await host.commit(put("b", "1"));
		assert.equal(puts(), 2);
		const again = Promise.resolve(host.commit(put("a", "2")));
		await settle();
		mock.timers.tick(999);
		await settle();
		assert.equal(puts(), 2);
		mock.timers.tick(1);
		assert.deepEqual(await again, { applied: true });
		assert.equal(puts(), 3);
	} finally {
		mock.timers.reset();
	}
});

test("a key that another instance wrote a moment ago is tried again", async () => {
	mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
	try {
		const fake = new FakeKv();
		const host = workersKvHost(fake, { writeInterval: 0 });
		let refusals = 2;
		fake.before = (call) => {
			if (call === "put" && refusals-- > 0) throw new Error("KV PUT failed: 429 Too Many Requests");
		};
		const answer = Promise.resolve(host.commit(put("a", "1")));
		for (let second = 0; second < 2; second++) {
			await settle();
			mock.timers.tick(1000);
		}
		assert.deepEqual(await answer, { applied: true });
		assert.equal(fake.rows.size, 1);
		refusals = 100;
		const failing = assert.rejects(
			Promise.resolve(host.commit(put("a", "2"))),
			(error) => isStreamkitError(error, "UNAVAILABLE") && error.retryable && error.details["applied"] === "unknown",
		);
		for (let second = 0; second < 4; second++) {
			await settle();
			mock.timers.tick(1000);
		}
		await failing;
	} finally {
		mock.timers.reset();
	}
});

test("what the journal holds reaches the namespace before anything else is read or written", async () => {
	for (const next of ["get", "scan", "commit"] as const) {
		const fake = new FakeKv();
		const journal = memoryHost();
		const first = workersKvHost(fake, { journal, writeInterval: 0 });
		await first.commit(put("a", "1"));
		fake.before = (call) => {
			if (call === "put" || call === "delete") throw new Error("the network is gone");
		};
		await assert.rejects(
			async () => first.commit(put("a", "2")),
			(error) => isStreamkitError(error, "UNAVAILABLE") && error.details["applied"] === "unknown",
		);
		// Nobody is told that it was stored while it is not.
		await assert.rejects(
			async () => first.get([utf8("a")]),
			(error) => isStreamkitError(error, "UNAVAILABLE"),
		);
		fake.before = () => {};

		const name = textOfKey(utf8("a"));
		const second = workersKvHost(fake, { journal, writeInterval: 0 });
		if (next === "get") assert.deepEqual(await second.get([utf8("a")]), [utf8("2")]);
		else if (next === "scan") {
			const page = await second.scan({ start: utf8("a"), end: utf8("b"), limit: 2 });
			assert.deepEqual(page.values, [utf8("2")]);
		} else await second.commit(put("b", "1"));
		assert.deepEqual(fake.rows.get(name), utf8("2"), next);
	}
});

test("a write that has reached the namespace is stored, whatever becomes of the journal after it", async () => {
	const failures: (() => unknown)[] = [
		() => new StreamkitError("QUOTA_EXCEEDED", "no room", { details: { applied: false } }),
		() => new StreamkitError("UNAVAILABLE", "not now", { details: { applied: false } }),
		() => new Error("broken"),
	];
	for (const failure of failures) {
		for (let failing = 0; failing < 14; failing++) {
			const inner = memoryHost();
			let ends = 0;
			const journal: HostKv = {
				name: "journal",
				limits: inner.limits,
				get: (keys) => inner.get(keys),
				scan: (range) => inner.scan(range),
				commit(batch) {
					// What begins a write is strict; the identity and a first append are some four writes.
					if (batch.durability === "relaxed" && ends++ === failing) throw failure();
					return inner.commit(batch);
				},
			};
			const fake = new FakeKv();
			const store = await openStore(workersKvHost(fake, { writeInterval: 0, journal }));
			for (const text of ["1", "2", "3"]) await store.publish("s", "a", text);
			const texts = async (of: Store): Promise<string[]> =>
				(await of.consumeSpace({ space: "s" }).toArray()).map((entry) => entry.text());
			assert.deepEqual(await texts(store), ["1", "2", "3"], `end ${failing}`);
			const reader = await openStore(workersKvHost(fake, { readOnly: true }));
			assert.deepEqual(await texts(reader), ["1", "2", "3"], `end ${failing}`);
			assert.ok(ends > failing || failing > 8);
			await Promise.all([store.close(), reader.close()]);
		}
	}
});

test("a removal that failed is made good as well", async () => {
	const fake = new FakeKv();
	const journal = memoryHost();
	const first = workersKvHost(fake, { journal, writeInterval: 0 });
	await first.commit(put("a", "1"));
	fake.before = (call) => {
		if (call === "delete") throw new Error("the network is gone");
	};
	const removal: HostBatch = { checks: [], deletes: [utf8("a")], puts: [], durability: "strict" };
	await assert.rejects(
		async () => first.commit(removal),
		(error) => isStreamkitError(error, "UNAVAILABLE"),
	);
	fake.before = () => {};
	const second = workersKvHost(fake, { journal, writeInterval: 0 });
	assert.deepEqual(await second.get([utf8("a")]), [undefined]);
	assert.equal(fake.rows.size, 0);
	// A list that still shows the name does not bring it back.
	fake.rows.set(textOfKey(utf8("a")), utf8("1"));
	assert.deepEqual((await second.scan({ start: utf8(""), end: utf8("z"), limit: 5 })).keys, []);
});

test("a range of names is what it is among any names", async () => {
	const names = fc.uniqueArray(
		fc
			.uint8Array({ minLength: 1, maxLength: 5 })
			.map((bytes) => bytes.map((byte) => [0, 1, 2, 255][byte % 4] as number)),
		{ maxLength: 60, selector: String },
	);
	const bound = fc.uint8Array({ maxLength: 5 });
	await fc.assert(
		fc.asyncProperty(names, bound, bound, fc.integer({ min: 1, max: 7 }), async (keys, a, b, page) => {
			const fake = new FakeKv();
			for (const key of keys) fake.rows.set(`p/${textOfKey(key)}`, new Uint8Array(0));
			fake.rows.set("p", new Uint8Array(0));
			fake.rows.set("p0", new Uint8Array(0));
			// Pages so small that every way of going on is gone.
			const small = {
				get: fake.get.bind(fake),
				put: fake.put.bind(fake),
				delete: fake.delete.bind(fake),
				list: (options: Parameters<FakeKv["list"]>[0]) => fake.list({ ...options, limit: page }),
			};
			const [start = "", end = ""] = [textOfKey(a), textOfKey(b)].sort();
			const found: string[] = [];
			for await (const some of namesBetween(small, "p/", start, end)) found.push(...some);
			const texts = keys.map(textOfKey).filter((text) => text >= start && text < end);
			assert.deepEqual(found, texts.sort());
		}),
		{ numRuns: 300 },
	);
});

test("a range is found among many names with few lists", async () => {
	const fake = new FakeKv();
	const at = (n: number): Uint8Array<ArrayBuffer> => {
		const key = new Uint8Array([...utf8("DAT space "), 0, 0, 0, 0, 0, 0, 0, 0]);
		new DataView(key.buffer).setUint32(key.length - 4, n);
		return key;
	};
	const count = 30_000;
	for (let n = 0; n < count; n++) fake.rows.set(`p/${textOfKey(at(n * 37))}`, new Uint8Array(1));
	fake.rows.set(`p/${textOfKey(utf8("ZZZ"))}`, new Uint8Array(1));
	const names = async (from: Uint8Array, to: Uint8Array, most: number): Promise<string[]> => {
		const found: string[] = [];
		for await (const page of namesBetween(fake, "p/", textOfKey(from), textOfKey(to))) {
			found.push(...page);
			if (found.length >= most) break;
		}
		return found;
	};
	for (const start of [0, 1, 999 * 37, 15_000 * 37 + 5, 29_990 * 37, 29_999 * 37]) {
		fake.lists = 0;
		const found = await names(at(start), utf8("DAT space!"), 5);
		const first = Math.ceil(start / 37);
		const expected = Array.from({ length: Math.min(5, count - first) }, (_, i) => textOfKey(at((first + i) * 37)));
		assert.deepEqual(found.slice(0, expected.length), expected, `from ${start}`);
		assert.ok(fake.lists <= 64, `from ${start}: ${fake.lists} lists`);
	}
	fake.lists = 0;
	const all = await names(utf8(""), utf8("ZZZZ"), Number.POSITIVE_INFINITY);
	assert.equal(all.length, count + 1);
	assert.ok(fake.lists <= 32, `${fake.lists} lists for everything`);
	assert.deepEqual(all, [...all].sort());
	assert.equal(new Set(all).size, all.length);
	fake.lists = 0;
	const some = await names(at(10_000 * 37), at(12_000 * 37), Number.POSITIVE_INFINITY);
	assert.deepEqual(some.map((text) => keyOfText(text)).slice(0, 2), [at(10_000 * 37), at(10_001 * 37)]);
	assert.equal(some.length, 2000);
	assert.ok(fake.lists <= 64, `${fake.lists} lists for 2,000 names`);
	fake.lists = 0;
	assert.deepEqual(await names(at(29_999 * 37 + 1), utf8("DAT space!"), 1), []);
	assert.ok(fake.lists <= 64, `${fake.lists} lists to find that nothing follows`);
});
