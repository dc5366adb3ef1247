// What needs no workerd: which API is taken, and what becomes of the storage's errors. The rest is in tests/edge.

import assert from "node:assert/strict";
import { test } from "node:test";
import { durableObjectHost } from "../src/cloudflare.js";
import { isStreamkitError } from "../src/errors.js";
import type { HostBatch } from "../src/host.js";

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
	for (const parts of [{}, { sql: sql(() => {}) }]) {
		let synced = 0;
		const host = durableObjectHost(
			storage({
				...parts,
				sync: async () => {
					synced++;
				},
			}),
		);
		assert.deepEqual(await host.commit({ ...put, durability: "relaxed" }), { applied: true });
		assert.equal(synced, 0);
		assert.deepEqual(await host.commit(put), { applied: true });
		assert.equal(synced, 1);
		// Of a commit that has been made, not even a full storage says that it is not there.
		for (const message of ["reset", "database or disk is full: SQLITE_FULL"]) {
			const failing = durableObjectHost(storage({ ...parts, sync: async () => Promise.reject(new Error(message)) }));
			await assert.rejects(
				async () => failing.commit(put),
				(error) => isStreamkitError(error, "UNAVAILABLE") && error.details["applied"] === "unknown",
			);
		}
	}
});

test("a table that is gone is made again, once", async () => {
	const seen: string[] = [];
	let there = false;
	const host = durableObjectHost(
		storage({
			sql: sql((query) => {
				seen.push(query.split(" ")[0] as string);
				if (query.startsWith("CREATE")) there = true;
				else if (!there && query.includes("FROM streamkit")) throw new Error("no such table: streamkit: SQLITE_ERROR");
			}),
		}),
	);
	assert.deepEqual(await host.get([new Uint8Array([1])]), [undefined]);
	assert.deepEqual(seen, ["SELECT", "SELECT", "CREATE", "CREATE", "SELECT"]);
});
