import assert from "node:assert/strict";
import fs, { openSync, readdirSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { HostBatch, HostCommit } from "streamkit";
import { DirectoryHost, directoryHost } from "../src/directory/host.js";
import { LmdbEnvironment } from "../src/directory/lmdb/environment.js";
import { Yielder } from "../src/directory/yielder.js";
import {
	type Bytes,
	batch,
	bytes,
	coded,
	numberKey,
	randomFrom,
	temporaryDirectory,
	text,
	withFileSystem,
} from "./support.js";

function opened(t: { after(run: () => Promise<void>): void }): DirectoryHost {
	const host = new DirectoryHost(join(temporaryDirectory(), "store"));
	t.after(() => host.close());
	return host;
}

test("answers reads without a promise, and commits as long as it is not time for others", async (t) => {
	const host = opened(t);
	assert.deepEqual(await host.commit(batch({ a: "1", b: "2" }, "strict")), { applied: true });
	assert.deepEqual(await host.commit(batch({ a: "3" }, "relaxed")), { applied: true });
	assert.deepEqual(host.get([bytes("b"), bytes("x"), bytes("a")]).map(text), ["2", undefined, "3"]);
	assert.equal(host.scan({ start: bytes("a"), end: bytes("z"), limit: 10 }).keys.length, 2);

	let now = 5;
	const yielder = new Yielder(() => now);
	now += 9.9;
	assert.equal(yielder.due(), false);
	now += 0.1;
	assert.equal(yielder.due(), true);
	await yielder.next();
	assert.equal(yielder.due(), false);
});

test("a chain of commits lets the rest of the process run", async (t) => {
	const host = opened(t);
	let turns = 0;
	const timer = setInterval(() => {
		turns += 1;
	}, 1);
	t.after(() => clearInterval(timer));
	for (let commits = 0; turns < 3; commits += 1) {
		assert.ok(commits < 100_000, `${turns} turns`);
		await host.commit(batch({ a: "1" }));
	}
});

test("a failed check is an answer with what is there, and nothing applies", async (t) => {
	const host = opened(t);
	await host.commit(batch({ a: "1" }, "strict"));
	const mismatch = await host.commit(batch({ b: "2" }, "strict", { a: "1", c: "0" }));
	assert.deepEqual(mismatch, { applied: false, check: 1, current: undefined });
	const present = (await host.commit(batch({ b: "2", a: undefined }, "relaxed", { a: undefined }))) as HostCommit;
	assert.ok(!present.applied);
	assert.equal(present.check, 0);
	assert.equal(text(present.current), "1");
	assert.deepEqual(host.get([bytes("a"), bytes("b")]).map(text), ["1", undefined]);
});

test("a commit is answered as applied whatever becomes of the housekeeping after it", async (t) => {
	for (const durability of ["strict", "relaxed"] as const) {
		const host = opened(t);
		const { now } = performance;
		const clock = t.mock.method(performance, "now", () => now.call(performance) + 40_000);
		const freeing = t.mock.method(LmdbEnvironment.prototype, "freeDeadReaders", () => {
			throw new Error("not now");
		});
		assert.deepEqual(await host.commit(batch({ a: "1" }, durability)), { applied: true });
		assert.equal(freeing.mock.callCount(), 1);
		clock.mock.restore();
		freeing.mock.restore();
		assert.equal(text(host.get([bytes("a")])[0]), "1");
	}
});

test("deletes and puts apply together, and deleting what is absent is no error", async (t) => {
	const host = opened(t);
	await host.commit(batch({ a: "1", b: "2" }));
	assert.deepEqual(await host.commit(batch({ a: undefined, nothing: undefined, c: "3" })), { applied: true });
	assert.deepEqual(await host.commit(batch({})), { applied: true });
	assert.deepEqual(await host.commit(batch({ nothing: undefined }, "strict")), { applied: true });
	assert.deepEqual(host.get([bytes("a"), bytes("b"), bytes("c")]).map(text), [undefined, "2", "3"]);
});

test("keys order as unsigned bytes", (t) => {
	const host = opened(t);
	const keys: Bytes[] = [[0], [0, 0], [0, 1], [1], [127], [128], [128, 0], [255], [255, 255, 255]].map(
		(key) => new Uint8Array(key),
	);
	void host.commit({
		checks: [],
		deletes: [],
		puts: keys.toReversed().map((key) => ({ key, value: new Uint8Array(0) })),
		durability: "relaxed",
	});
	const all = { start: new Uint8Array([0]), end: new Uint8Array([255, 255, 255, 255]) };
	assert.deepEqual(host.scan({ ...all, limit: 100, keysOnly: true }).keys, keys);
	assert.deepEqual(host.scan({ ...all, limit: 100, reverse: true }).keys, keys.toReversed());
	assert.deepEqual(host.scan({ ...all, limit: 2 }).values, [new Uint8Array(0), new Uint8Array(0)]);
});

test("scans agree with a model for all bounds, directions and limits", (t) => {
	const host = opened(t);
	const random = randomFrom(7);
	const names = [
		...new Set(
			Array.from({ length: 60 }, () => String.fromCharCode(97 + random() * 4, 97 + random() * 4, 97 + random() * 4)),
		),
	].sort();
	const sizeOf = (name: string) => name.charCodeAt(2) - 90;
	void host.commit({
		checks: [],
		deletes: [],
		puts: names.map((name) => ({ key: bytes(name), value: new Uint8Array(sizeOf(name)) })),
		durability: "relaxed",
	});
	const bounds = [
		"a",
		"aa",
		"aab",
		"b",
		"bbb",
		"bbbb",
		"ccd",
		"d",
		"ddd",
		"e",
		"bb\0",
		"x".repeat(3000),
		"b".repeat(2500),
	];
	for (const start of bounds) {
		for (const end of bounds) {
			for (const reverse of [false, true]) {
				for (const limit of [1, 3, 1000]) {
					for (const maxBytes of [undefined, 1, 25]) {
						const inside = names.filter((name) => name >= start && name < end);
						if (reverse) inside.reverse();
						let sum = 0;
						const expected: string[] = [];
						for (const name of inside) {
							sum += sizeOf(name);
							if (expected.length === limit || (expected.length > 0 && sum > (maxBytes ?? 1e9))) break;
							expected.push(name);
						}
						const range = { start: bytes(start), end: bytes(end), reverse, limit };
						const page = host.scan(maxBytes === undefined ? range : { ...range, maxBytes });
						assert.deepEqual(page.keys.map(text), expected);
						assert.deepEqual(
							page.values.map((value) => value.length),
							expected.map(sizeOf),
						);
						assert.equal(page.more, expected.length < inside.length);
						const keysOnly = host.scan({ ...range, keysOnly: true });
						assert.deepEqual(keysOnly.keys.map(text), inside.slice(0, limit));
						assert.deepEqual(keysOnly.values, []);
						assert.equal(keysOnly.more, inside.length > limit);
					}
				}
			}
		}
	}
});

test("arrays it gives belong to the caller, arrays it takes may be views", async (t) => {
	const host = opened(t);
	const memory = new Uint8Array(1000).map((_, index) => index);
	const key = memory.subarray(10, 20);
	const value = memory.subarray(100, 400);
	await host.commit({ checks: [], deletes: [], puts: [{ key, value }], durability: "strict" });
	const expected = value.slice();
	memory.fill(0, 100, 400);
	const [first] = host.get([memory.subarray(10, 20)]);
	const page = host.scan({ start: new Uint8Array([0]), end: new Uint8Array([255]), limit: 1 });
	const [scanned] = page.values;
	assert.ok(first !== undefined && scanned !== undefined);
	for (const array of [first, scanned, ...page.keys]) {
		assert.equal(Object.getPrototypeOf(array), Uint8Array.prototype);
		assert.equal(array.byteOffset, 0);
		assert.equal(array.buffer.byteLength, array.length);
	}
	for (let row = 0; row < 50; row += 1) {
		await host.commit({ checks: [], deletes: [key.slice()], puts: [], durability: "relaxed" });
		await host.commit({
			checks: [],
			deletes: [],
			puts: [{ key: key.slice(), value: memory.slice() }],
			durability: "relaxed",
		});
		host.get([key.slice()]);
	}
	assert.deepEqual(first, expected);
	assert.deepEqual(scanned, expected);
	first.fill(9);
	assert.deepEqual(host.get([key.slice()])[0], memory);
});

test("values from nothing up to the limit come back as they were", async (t) => {
	const host = opened(t);
	for (const size of [0, 1, 2000, 4096, 102_376, 1024 * 1024, host.limits.maxValueBytes]) {
		const value = new Uint8Array(size).map((_, index) => index * 31);
		await host.commit({ checks: [], deletes: [], puts: [{ key: bytes("v"), value }], durability: "relaxed" });
		assert.ok(Buffer.compare(host.get([bytes("v")])[0] ?? bytes("?"), value) === 0, `${size} bytes`);
		const page = host.scan({ start: bytes("v"), end: bytes("w"), limit: 1 });
		assert.ok(Buffer.compare(page.values[0] ?? bytes("?"), value) === 0, `${size} bytes`);
	}
});

test("what is too large is refused before LMDB sees it", (t) => {
	const host = opened(t);
	const longest = new Uint8Array(host.limits.maxKeyBytes).fill(1);
	void host.commit({
		checks: [{ key: longest, value: undefined }],
		deletes: [],
		puts: [{ key: longest, value: longest }],
		durability: "strict",
	});
	assert.deepEqual(host.get([longest])[0], longest);
	const put =
		(key: Bytes, value: Bytes = bytes("v")) =>
		() =>
			void host.commit({
				checks: [],
				deletes: [],
				puts: [
					{ key: bytes("k"), value: bytes("v") },
					{ key, value },
				],
				durability: "strict",
			});
	const long = new Uint8Array(host.limits.maxKeyBytes + 1).fill(1);
	assert.throws(put(long), coded("LIMIT_EXCEEDED"));
	assert.throws(put(new Uint8Array(100_000)), (error: { details?: unknown }) => {
		assert.deepEqual(error.details, { what: "key bytes", limit: 1978, actual: 100_000 });
		return true;
	});
	assert.throws(() => host.get([long]), coded("LIMIT_EXCEEDED"));
	assert.throws(
		() => host.commit({ checks: [{ key: long, value: undefined }], deletes: [], puts: [], durability: "relaxed" }),
		coded("LIMIT_EXCEEDED"),
	);
	assert.throws(
		() => host.commit({ checks: [], deletes: [long], puts: [], durability: "relaxed" }),
		coded("LIMIT_EXCEEDED"),
	);
	assert.throws(put(new Uint8Array(0)), coded("INVALID_ARGUMENT"));
	assert.throws(put(bytes("x"), new Uint8Array(host.limits.maxValueBytes + 1)), coded("LIMIT_EXCEEDED"));
	const big = new Uint8Array(host.limits.maxValueBytes);
	const tooMany = [1, 2, 3, 4, 5].map((number) => ({ key: numberKey(number), value: big }));
	assert.throws(
		() => host.commit({ checks: [], deletes: [], puts: tooMany, durability: "relaxed" }),
		coded("LIMIT_EXCEEDED"),
	);
	const operations = Array.from({ length: host.limits.maxBatchOps + 1 }, (_, number) => numberKey(number));
	assert.throws(
		() => host.commit({ checks: [], deletes: operations, puts: [], durability: "relaxed" }),
		coded("LIMIT_EXCEEDED"),
	);
	assert.equal(host.get([bytes("k")])[0], undefined);
});

test("what are no bytes is refused, and nothing of it is stored", (t) => {
	const host = opened(t);
	const key = bytes("k");
	const value = bytes("v");
	const commit = (batch: unknown) => () => void host.commit(batch as HostBatch);
	const none = { checks: [], deletes: [], puts: [], durability: "strict" };
	for (const durability of ["strict", "relaxed"]) {
		const only = (part: object) => commit({ ...none, durability, ...part });
		for (const bad of ["a", null, undefined, 5, {}, [1], new ArrayBuffer(1), new Uint16Array(1)]) {
			assert.throws(
				only({
					puts: [
						{ key, value },
						{ key: bad, value },
					],
				}),
				coded("INVALID_ARGUMENT"),
			);
			assert.throws(
				only({
					puts: [
						{ key, value },
						{ key: bytes("l"), value: bad },
					],
				}),
				coded("INVALID_ARGUMENT"),
			);
			assert.throws(only({ puts: [{ key, value }, bad] }), coded("INVALID_ARGUMENT"));
			assert.throws(only({ puts: [{ key, value }], deletes: [bad] }), coded("INVALID_ARGUMENT"));
			assert.throws(only({ puts: [{ key, value }], checks: [{ key: bad }] }), coded("INVALID_ARGUMENT"));
			assert.throws(only({ puts: [{ key, value }], checks: [bad] }), coded("INVALID_ARGUMENT"));
			if (bad !== undefined)
				assert.throws(only({ puts: [{ key, value }], checks: [{ key, value: bad }] }), coded("INVALID_ARGUMENT"));
			assert.throws(() => host.get([bad as Bytes]), coded("INVALID_ARGUMENT"));
			assert.throws(() => host.scan({ start: bad as Bytes, end: key, limit: 1 }), coded("INVALID_ARGUMENT"));
			assert.throws(() => host.scan({ start: key, end: bad as Bytes, limit: 1 }), coded("INVALID_ARGUMENT"));
		}
	}
	for (const bad of [
		undefined,
		null,
		5,
		"x",
		{},
		{ ...none, puts: {} },
		{ ...none, deletes: "x" },
		{ ...none, checks: 5 },
	]) {
		assert.throws(commit(bad), coded("INVALID_ARGUMENT"));
	}
	for (const bad of [undefined, null, 5, {}]) {
		assert.throws(() => host.get(bad as never), coded("INVALID_ARGUMENT"));
		assert.throws(() => host.scan(bad as never), coded("INVALID_ARGUMENT"));
	}
	assert.equal(host.get([key])[0], undefined);
});

test("a commit as large as the limits allow", async (t) => {
	const host = opened(t);
	const value = new Uint8Array(host.limits.maxValueBytes - 8).fill(3);
	const puts = [1, 2, 3, 4].map((number) => ({ key: numberKey(number), value }));
	assert.deepEqual(await host.commit({ checks: [], deletes: [], puts, durability: "strict" }), { applied: true });
	const many = Array.from({ length: host.limits.maxBatchOps }, (_, number) => ({
		key: numberKey(100 + number),
		value: bytes("v"),
	}));
	assert.deepEqual(await host.commit({ checks: [], deletes: [], puts: many, durability: "relaxed" }), {
		applied: true,
	});
	assert.equal(
		host.scan({ start: numberKey(100), end: numberKey(1e9), limit: 1e6, keysOnly: true }).keys.length,
		many.length,
	);
});

test("two hosts on one directory see each other at once, and close apart", async () => {
	const path = temporaryDirectory();
	const one = new DirectoryHost(path);
	const two = new DirectoryHost(path);
	for (let number = 0; number < 200; number += 1) {
		const [writer, reader] = number % 2 === 0 ? [one, two] : [two, one];
		// Within one run of synchronous code, so no event turn lets go of a snapshot.
		const result = writer.commit(batch({ number: String(number) }, number % 10 === 0 ? "strict" : "relaxed"));
		if (result instanceof Promise) await result;
		assert.equal(text(reader.get([bytes("number")])[0]), String(number));
		assert.equal(text(reader.scan({ start: bytes("a"), end: bytes("z"), limit: 5 }).values[0]), String(number));
	}
	await one.close();
	assert.equal(text(two.get([bytes("number")])[0]), "199");
	await two.commit(batch({ number: "200" }, "strict"));
	await two.close();
	const three = await directoryHost(path);
	assert.equal(text((await three.get([bytes("number")]))[0]), "200");
	await three.close?.();
});

test("a closed host refuses everything with CLOSED", async () => {
	const host = new DirectoryHost(temporaryDirectory());
	await host.commit(batch({ a: "1" }));
	await Promise.all([host.close(), host.close()]);
	await host.close();
	assert.throws(() => host.get([bytes("a")]), coded("CLOSED"));
	assert.throws(() => host.scan({ start: bytes("a"), end: bytes("b"), limit: 1 }), coded("CLOSED"));
	assert.throws(() => host.commit(batch({ a: "2" })), coded("CLOSED"));
	assert.throws(() => host.health(), coded("CLOSED"));
	assert.throws(() => host.watch(() => {}), coded("CLOSED"));
	host.notify();
});

test("opens and closes many times without leaving anything open", async () => {
	const path = temporaryDirectory();
	const before = readdirSync("/proc/self/fd").length;
	for (let round = 0; round < 100; round += 1) {
		const host = new DirectoryHost(path);
		const stop = host.watch(() => {});
		await host.commit(batch({ round: String(round) }, round % 3 === 0 ? "strict" : "relaxed"));
		host.notify();
		if (round % 2 === 0) stop();
		await host.close();
	}
	assert.ok(readdirSync("/proc/self/fd").length <= before + 5);
});

test("health tells the usage and what there is room for", async (t) => {
	const host = opened(t);
	await host.commit({
		checks: [],
		deletes: [],
		puts: [{ key: bytes("a"), value: new Uint8Array(1e6) }],
		durability: "strict",
	});
	const { usage = 0, quota = 0, warnings } = host.health();
	assert.ok(usage > 1e6 && usage < 1e7, String(usage));
	assert.ok(quota > usage);
	assert.ok(Array.isArray(warnings));
});

test("health warns of a directory in memory, or on a network, and of no other", async (t) => {
	const host = opened(t);
	const { statfsSync } = fs;
	for (const [type, expected] of [
		[0xef53, []],
		[0x01021994, [/in memory/]],
		[0x858458f6, [/in memory/]],
		[0x6969, [/network/]],
		[0xfe534d42, [/network/]],
	] as const) {
		const typed = ((path: string) => ({ ...statfsSync(path), type })) as typeof statfsSync;
		await withFileSystem({ statfsSync: typed }, () => {
			const { warnings = [] } = host.health();
			assert.equal(warnings.length, expected.length, `${type}`);
			for (const [index, pattern] of expected.entries()) assert.match(warnings[index] ?? "", pattern);
		});
	}
});

test("a commit that the lock file was set back behind is not written over", async () => {
	const path = join(temporaryDirectory(), "store");
	const host = new DirectoryHost(path);
	for (const key of ["a", "b", "c"]) await host.commit(batch({ [key]: "1" }, "strict"));
	// As a process does that read the data before the last commit, and writes what it read after it. Closing the file
	// would take LMDB's locks from this process.
	const lockFile = openSync(join(path, "lock.mdb"), "r+");
	const number = Buffer.alloc(8);
	readSync(lockFile, number, 0, 8, 8);
	const latest = number.readBigUInt64LE();
	for (const back of [1n, 2n, 3n]) {
		for (const durability of ["strict", "relaxed"] as const) {
			number.writeBigUInt64LE(latest - back);
			writeSync(lockFile, number, 0, 8, 8);
			assert.deepEqual(await host.commit(batch({ [`${durability}${back}`]: "3" }, durability)), { applied: true });
		}
	}
	await host.close();
	const again = new DirectoryHost(path);
	for (const key of ["a", "b", "c", "strict1", "relaxed1", "strict2", "relaxed2", "strict3", "relaxed3"]) {
		assert.notEqual(again.get([bytes(key)])[0], undefined, key);
	}
	await again.close();
});
