// What needs no workerd: which API is taken, and what becomes of the storage's errors. The rest is in tests/edge.

import assert from "node:assert/strict";
import { test } from "node:test";
import { durableObjectHost } from "../src/cloudflare.js";
import { isStreamkitError } from "../src/errors.js";
import type { HostBatch, HostKv } from "../src/host.js";

const put: HostBatch = {
	checks: [],
	deletes: [],
	puts: [{ key: new Uint8Array([1]), value: new Uint8Array([2]) }],
	durability: "strict",
};

/** A storage whose statements do nothing but what they are told to. */
function storage(parts: Record<string, unknown> = {}) {
	return {
		get: async () => new Map(),
		put: async () => {},
		delete: async () => 0,
		list: async () => new Map(),
		sync: async () => {},
		transaction: async (work: (calls: unknown) => Promise<unknown>) => work(storage()),
		transactionSync: <T>(work: () => T): T => work(),
		...parts,
	};
}

/** The key-value API over a map; every request has at most 128 keys. */
function keyValues() {
	const rows = new Map<string, unknown>();
	const requests: string[] = [];
	const few = (call: string, keys: readonly string[]): readonly string[] => {
		assert.ok(keys.length <= 128, `${keys.length} keys`);
		requests.push(call);
		return keys;
	};
	const calls = {
		get: async (keys: string[]) =>
			new Map(few("get", keys).flatMap((key) => (rows.has(key) ? [[key, rows.get(key)] as const] : []))),
		put: async (pairs: Record<string, unknown>) => {
			for (const key of few("put", Object.keys(pairs))) rows.set(key, pairs[key]);
		},
		delete: async (keys: string[]) => few("delete", keys).filter((key) => rows.delete(key)).length,
		list: async ({ start, end, limit }: { start: string; end: string; limit: number }) => {
			requests.push("list");
			const found = [...rows].filter(([key]) => key >= start && key < end);
			return new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, limit));
		},
	};
	let last: Promise<unknown> = Promise.resolve();
	// One after the other, as on the platform.
	const transaction = <T>(work: (inside: typeof calls) => Promise<T>): Promise<T> => {
		const result = last.then(() => work(calls));
		last = result.catch(() => {});
		return result;
	};
	return { rows, requests, storage: storage({ ...calls, transaction }) };
}

const sql = (exec: (query: string) => void) => ({
	databaseSize: 4096,
	exec: (query: string) => {
		exec(query);
		return { raw: () => [][Symbol.iterator]() };
	},
});

test("what is no storage, and a name that is none, are refused by name", () => {
	for (const [argument, make] of [
		["storage", () => durableObjectHost(undefined as never)],
		["storage.get", () => durableObjectHost({} as never)],
		["storage.sync", () => durableObjectHost(storage({ sync: 1 }) as never)],
		["storage.transaction", () => durableObjectHost(storage({ transaction: undefined }))],
		["storage.transactionSync", () => durableObjectHost(storage({ sql: sql(() => {}), transactionSync: undefined }))],
		["name", () => durableObjectHost(storage(), { name: "" })],
		["name", () => durableObjectHost(storage(), { name: "a-b" })],
		["name", () => durableObjectHost(storage(), { name: "a".repeat(65) })],
		["options", () => durableObjectHost(storage(), "name" as never)],
	] as const) {
		assert.throws(
			make,
			(error) => isStreamkitError(error, "INVALID_ARGUMENT") && error.message.startsWith(`${argument}:`),
			argument,
		);
	}
});

test("objects without SQL use the key-value API, and only those", () => {
	const disabled = sql(() => {
		throw new Error("SQL is not enabled for this Durable Object class.");
	});
	const withGetter = Object.defineProperty(storage(), "sql", {
		get() {
			throw new Error("SQL is not enabled for this Durable Object class.");
		},
	});
	for (const plain of [storage(), storage({ sql: undefined }), storage({ sql: disabled }), withGetter])
		assert.equal(durableObjectHost(plain).limits.maxBatchOps, 128);
	assert.equal(durableObjectHost(storage({ sql: sql(() => {}) })).limits.maxBatchOps, 10_000);
	// A passing failure must not send what is stored from now on to another place.
	const failing = sql(() => {
		throw new Error("internal error; reference = 1234");
	});
	assert.throws(
		() => durableObjectHost(storage({ sql: failing })),
		(error) => isStreamkitError(error, "UNAVAILABLE"),
	);
});

test("a full storage is QUOTA_EXCEEDED, anything else UNAVAILABLE", async () => {
	for (const [message, code, applied] of [
		["database or disk is full: SQLITE_FULL", "QUOTA_EXCEEDED", false],
		["internal error; reference = 1234", "UNAVAILABLE", "unknown"],
	] as const) {
		const fail = (query: string): void => {
			if (query.startsWith("INSERT")) throw new Error(message);
		};
		const plain = storage({ transaction: async () => Promise.reject(new Error(message)) });
		for (const each of [storage({ sql: sql(fail) }), plain]) {
			await assert.rejects(
				async () => durableObjectHost(each).commit(put),
				(error) => isStreamkitError(error, code) && error.details["applied"] === applied,
			);
		}
	}
});

test("strict waits for sync, relaxed does not", async () => {
	for (const make of [() => keyValues().storage, () => storage({ sql: sql(() => {}) })]) {
		let synced = 0;
		const counts = async (): Promise<void> => {
			synced++;
		};
		const host = durableObjectHost({ ...make(), sync: counts });
		assert.deepEqual(await host.commit({ ...put, durability: "relaxed" }), { applied: true });
		assert.equal(synced, 0);
		assert.deepEqual(await host.commit(put), { applied: true });
		assert.equal(synced, 1);
		// Of a commit that has been made, not even a full storage says that it is not there.
		for (const message of ["reset", "database or disk is full: SQLITE_FULL"]) {
			const failing = durableObjectHost({ ...make(), sync: async () => Promise.reject(new Error(message)) });
			await assert.rejects(
				async () => failing.commit(put),
				(error) => isStreamkitError(error, "UNAVAILABLE") && error.details["applied"] === "unknown",
			);
		}
	}
});

const isEmptied = (error: unknown): boolean =>
	isStreamkitError(error, "UNAVAILABLE") &&
	!error.retryable &&
	error.details["applied"] === false &&
	/emptied/.test(error.message);

/** Every call of the host says that the storage was emptied. */
async function isOver(host: HostKv): Promise<void> {
	const [key, end] = [new Uint8Array([1]), new Uint8Array([2])];
	for (const call of [
		() => host.commit(put),
		() => host.get([key]),
		() => host.scan({ start: key, end, limit: 1 }),
		() => host.health?.(),
	])
		await assert.rejects(async () => call(), isEmptied);
}

test("missing tables are made at first; a host whose tables went is over, also once others made new ones", async () => {
	const seen: string[] = [];
	let there = false;
	const shared = storage({
		sql: sql((query) => {
			seen.push(query.split(" ")[0] as string);
			if (query.startsWith("CREATE")) there = true;
			else if (!there && / (?:FROM|INTO) streamkit/.test(query))
				throw new Error("no such table: streamkit: SQLITE_ERROR");
		}),
	});
	const host = durableObjectHost(shared);
	seen.length = 0;
	assert.deepEqual(await host.get([new Uint8Array([1])]), [undefined]);
	assert.deepEqual(seen, ["SELECT", "CREATE", "CREATE", "SELECT"]);
	const beside = durableObjectHost(shared);
	const late = durableObjectHost(shared);
	await beside.commit(put);
	there = false;
	await isOver(host);
	assert.equal(there, false, "made by a host that is over");
	assert.deepEqual(await late.commit(put), { applied: true });
	for (const each of [host, beside]) await isOver(each);
	assert.deepEqual(await durableObjectHost(shared).commit(put), { applied: true });
	assert.deepEqual(await late.commit(put), { applied: true });
});

const row = (n: number) => ({ key: new Uint8Array([1, n]), value: new Uint8Array([n]) });
const rows = (count: number) => Array.from({ length: count }, (_, n) => row(n));

test("without SQL: a host whose storage was emptied is over, also once others wrote to it", async () => {
	const { rows: stored, storage: shared } = keyValues();
	const host = durableObjectHost(shared);
	const beside = durableObjectHost(shared);
	await Promise.all([host.get([row(1).key]), host.get([row(2).key]), host.commit(put), beside.get([row(1).key])]);
	await beside.commit(put);
	assert.deepEqual(await host.get([new Uint8Array([1])]), [new Uint8Array([2])]);
	stored.clear();
	await isOver(host);
	assert.equal(stored.size, 0, "written by a host that is over");
	const after = durableObjectHost(shared);
	assert.deepEqual(await after.get([new Uint8Array([1])]), [undefined]);
	assert.deepEqual(await after.commit(put), { applied: true });
	await assert.rejects(async () => beside.commit(put), isEmptied);
	await isOver(beside);
	assert.deepEqual(await after.get([new Uint8Array([1])]), [new Uint8Array([2])]);
	const all = await after.scan({ start: new Uint8Array(0), end: new Uint8Array([255]), limit: 9 });
	assert.deepEqual(all.keys, [new Uint8Array([1])]);
});

test("without SQL: rows of a release that gave no birth are taken over", async () => {
	const { rows: stored, storage: shared } = keyValues();
	await durableObjectHost(shared).commit(put);
	assert.ok(stored.delete("streamkit/!"));
	const reads = durableObjectHost(shared);
	const writes = durableObjectHost(shared);
	assert.deepEqual(await reads.get([new Uint8Array([1])]), [new Uint8Array([2])]);
	assert.deepEqual(await writes.commit({ ...put, checks: put.puts }), { applied: true });
	assert.deepEqual(await reads.commit({ ...put, checks: put.puts }), { applied: true });
	stored.clear();
	for (const host of [reads, writes]) await isOver(host);
});

test("without SQL: looking after the birth costs a host that is open no request", async () => {
	const { requests, storage: shared } = keyValues();
	const host = durableObjectHost(shared);
	const costs = async (call: () => unknown): Promise<string> => {
		requests.length = 0;
		await call();
		return requests.join(" ");
	};
	const keys = (count: number) => rows(count).map(({ key }) => key);
	await host.get(keys(1));
	assert.equal(await costs(() => host.get(keys(1))), "get");
	assert.equal(await costs(() => host.get(keys(127))), "get");
	assert.equal(await costs(() => host.get(keys(128))), "get");
	assert.equal(await costs(() => host.get(keys(129))), "get get");
	assert.equal(await costs(() => host.commit({ ...put, puts: rows(128) })), "get put");
	assert.equal(await costs(() => host.commit({ ...put, checks: rows(127), puts: rows(128) })), "get put");
	const { key: start } = row(0);
	assert.equal(await costs(() => host.scan({ start, end: new Uint8Array([2]), limit: 200 })), "list");
	// The first call of the next host finds it.
	const next = durableObjectHost(shared);
	assert.equal(await costs(() => next.get(keys(1))), "get");
});
