import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { beforeEach, test } from "node:test";
import type { Glue } from "../src/engine/abi.js";
import { type EngineModule, registerEngine } from "../src/engine/loader.js";
import { createGlue } from "../src/generated/glue.js";
import { createGlue as createLightGlue } from "../src/generated/light/glue.js";
import { type HostKv, memoryHost, openStore, type SegmentStatus, type Store } from "../src/index.js";
import * as fullCalls from "../src/store/full-calls.js";
import { refuses, until } from "./support/store.js";
import { withResolvers } from "./support/with-resolvers.js";

// The light engine cannot decompress: what it meets is expanded by the full one, which the store then goes on with.

const PATIENCE = { timeout: 120_000 };
const TEXT = "abc ".repeat(1000);

const engine = async (file: string, glue: unknown): Promise<EngineModule> => ({
	module: await WebAssembly.compile(await readFile(new URL(`../src/generated/${file}`, import.meta.url))),
	createGlue: glue as EngineModule["createGlue"],
});
const [light, full] = await Promise.all([
	engine("light/streamkit.wasm", createLightGlue),
	engine("streamkit.wasm", createGlue),
]);

let loads = 0;
/** What loading the full engine waits for, or fails with. */
let network: () => Promise<unknown>;
/** Changes what expands. */
let glued: (glue: Glue) => Glue;

/** Forgets what was loaded. */
function forget(): void {
	loads = 0;
	registerEngine({
		light: () => light,
		full: async () => {
			loads++;
			await network();
			return { ...full, createGlue: (environment) => glued(full.createGlue(environment)), calls: fullCalls };
		},
	});
}

beforeEach(() => {
	network = async () => {};
	glued = (glue) => glue;
	forget();
});

/** A store with entries in compressed blocks and commit rows, and one entry that is not compressed; nothing is loaded. */
async function written(host: HostKv = memoryHost()): Promise<HostKv> {
	const writer = await openStore(host, { compression: "always" });
	await writer.produce("s", "a", [{ payload: TEXT }, { payload: `${TEXT}2` }]);
	// Its commit row is large enough to be compressed as well.
	await writer.transact(
		Array.from({ length: 100 }, (_, index) => ({ space: "s", segment: `b${index}`, records: [{ payload: TEXT }] })),
	);
	await writer.publish("s", "raw", "short");
	await writer.publish("t", "raw", "short");
	await writer.close();
	forget();
	return host;
}

const calls: Record<string, (store: Store) => Promise<unknown>> = {
	consumeSegment: async (store) => {
		const entries = await store.consumeSegment({ space: "s", segment: "a" }).toArray();
		assert.deepEqual(
			entries.map((entry) => entry.text()),
			[TEXT, `${TEXT}2`],
		);
	},
	"consumeSegment by time": async (store) => {
		const entries = await store.consumeSegment({ space: "s", segment: "a", minTimestamp: 1 }).toArray();
		assert.equal(entries.length, 2);
	},
	consumeSpace: async (store) => {
		const entries = await store.consumeSpace({ space: "s" }).toArray();
		assert.deepEqual(
			entries.map(({ segment }) => segment),
			["a", "a", ...Array.from({ length: 100 }, (_, index) => `b${index}`), "raw"],
		);
		assert.ok(entries.slice(2, 102).every((entry) => entry.text() === TEXT));
	},
	peek: async (store) => assert.equal((await store.peek("s", "a")).text(), `${TEXT}2`),
	"subscribeToSpace, from before": async (store) => {
		const { id } = await store.peek("s", "raw");
		assert.ok(id !== undefined);
		const seen: SegmentStatus[] = [];
		const all = new Promise<void>((resolve) => {
			const handler = (status: SegmentStatus): void => {
				if (seen.push(status) === 102) resolve();
			};
			store.subscribeToSpace("s", handler).catch(() => {});
		});
		await all;
		assert.deepEqual(new Set(seen.map(({ segment }) => segment)).size, 102);
		assert.equal((await store.peek("s", "b7")).text(), TEXT);
	},
};

for (const [name, call] of Object.entries(calls)) {
	test(`${name} reads what is compressed, in the light engine and in the one it makes way for`, PATIENCE, async () => {
		const host = await written();
		const store = await openStore(host);
		assert.equal((await store.peek("t", "raw")).text(), "short");
		await store.publish("t", "raw", "more");
		assert.equal(loads, 0);
		await call(store);
		assert.equal(loads, 1);
		await call(store);
		await store.publish("s", "a", "new");
		assert.equal((await store.peek("s", "a")).sequence, 3);
		assert.deepEqual((await store.verify()).problems, []);
		assert.equal(loads, 1);
		await store.close();
	});
}

test("following goes on from the light engine into compressed rows", PATIENCE, async () => {
	const host = memoryHost();
	const store = await openStore(host, { pollInterval: 600_000 });
	await store.publish("s", "a", "1");
	const { promise: begun, resolve: first } = withResolvers();
	const seen: string[] = [];
	const following = (async () => {
		for await (const entry of store.consumeSpace({ space: "s", follow: true, limit: 3 })) {
			seen.push(entry.text());
			first();
		}
	})();
	await begun;
	assert.equal(loads, 0);
	const writer = await openStore(host, { compression: "always" });
	await writer.publish("s", "a", TEXT);
	await writer.publish("s", "b", `${TEXT}2`);
	await following;
	assert.deepEqual(seen, ["1", TEXT, `${TEXT}2`]);
	await writer.close();
	await store.close();
});

test("merging in the background takes in what another store compressed", PATIENCE, async () => {
	const inner = memoryHost();
	let merged = false;
	let expanded = 0;
	glued = (glue) => ({
		...glue,
		expandRow: (row) => {
			expanded++;
			return glue.expandRow(row);
		},
	});
	const host: HostKv = {
		...inner,
		name: "watched",
		limits: inner.limits,
		get: (keys) => inner.get(keys),
		scan: (range) => inner.scan(range),
		commit: (batch) => {
			merged ||= batch.deletes.length > 0;
			return inner.commit(batch);
		},
	};
	const store = await openStore(host, { pollInterval: 600_000 });
	for (let index = 0; index < 40; index++) await store.publish("s", "a", `${TEXT}${index}`);
	const other = await openStore(host, { compression: "always" });
	await other.compact();
	await other.close();
	merged = false;
	for (let index = 40; index < 600; index++) await store.publish("s", "a", `${index}`);
	await until(() => merged);
	await store.close();
	assert.ok(expanded > 0);
	const reader = await openStore(inner);
	const entries = await reader.consumeSegment({ space: "s", segment: "a" }).toArray();
	const expected = Array.from({ length: 600 }, (_, index) => (index < 40 ? `${TEXT}${index}` : `${index}`));
	assert.deepEqual(
		entries.map((entry) => entry.text()),
		expected,
	);
	assert.deepEqual((await reader.verify()).problems, []);
	await reader.close();
});

test("without a network what is compressed is UNAVAILABLE, and everything else goes on", PATIENCE, async () => {
	const host = await written();
	const store = await openStore(host);
	network = () => Promise.reject(new Error("no network"));
	for (let tries = 0; tries < 2; tries++) {
		const error = await refuses("UNAVAILABLE", store.peek("s", "a"), /the engine could not be loaded: no network/);
		assert.equal(error.retryable, true);
		assert.equal(error.details["applied"], false);
		await refuses("UNAVAILABLE", store.consumeSpace({ space: "s" }).toArray(), /no network/);
	}
	await store.publish("s", "a", "new");
	assert.equal((await store.peek("s", "a")).text(), "new");
	assert.equal((await store.getSegmentStatus("s", "a"))?.lastSequence, 3);
	assert.equal((await store.peek("s", "raw")).text(), "short");
	network = async () => {};
	const entries = await store.consumeSegment({ space: "s", segment: "a" }).toArray();
	assert.deepEqual(
		entries.map((entry) => entry.text()),
		[TEXT, `${TEXT}2`, "new"],
	);
	await store.close();
});

test("a store that is closed waits for no engine", PATIENCE, async () => {
	const host = await written();
	const store = await openStore(host);
	const reached = new Promise<void>((resolve) => {
		network = () => {
			resolve();
			return new Promise(() => {});
		};
	});
	const reading = refuses("CLOSED", store.peek("s", "a"), /./);
	await reached;
	await store.close();
	await reading;
});

test("what expands may trap: the call fails, and the next one begins anew", PATIENCE, async () => {
	const host = await written();
	const store = await openStore(host);
	let traps = 1;
	glued = (glue) => ({
		...glue,
		expandRow: (row) => {
			if (traps-- > 0) throw new WebAssembly.RuntimeError("unreachable");
			return glue.expandRow(row);
		},
	});
	await refuses("UNAVAILABLE", store.peek("s", "a"), /the engine stopped: unreachable/);
	assert.equal((await store.peek("s", "a")).text(), `${TEXT}2`);
	await store.close();
});

/** CRC-32C, from its definition. */
function crc32c(bytes: Uint8Array): number {
	let crc = 0xffffffff;
	for (const byte of bytes) {
		crc ^= byte;
		for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
	}
	return ~crc >>> 0;
}

/** Changes a compressed row of the host's. */
async function damage(host: HostKv, change: (row: Uint8Array<ArrayBuffer>) => void): Promise<void> {
	const whole = { start: new Uint8Array([0]), end: new Uint8Array([0xff]), limit: 10_000 };
	const { keys, values } = await host.scan(whole);
	const at = values.findIndex((value) => value.length > 20 && value[0] === 1 && value[1] === 1 && value[10] === 0x28);
	const row = Uint8Array.from(values[at] as Uint8Array);
	change(row);
	const key = Uint8Array.from(keys[at] as Uint8Array);
	await host.commit({ checks: [], deletes: [], puts: [{ key, value: row }], durability: "strict" });
}

test("compressed rows that are damaged are CORRUPT, whatever engine finds it", PATIENCE, async () => {
	const flip = (row: Uint8Array): void => {
		row[row.length - 1] = (row.at(-1) as number) ^ 1;
	};
	const broken = (row: Uint8Array<ArrayBuffer>): void => {
		row.fill(0xee, 14);
		const sum = crc32c(Uint8Array.from([...row.subarray(0, 6), ...row.subarray(10)]));
		new DataView(row.buffer).setUint32(6, sum, true);
	};
	for (const [change, message, asked] of [
		[flip, /checksum/, 0],
		[broken, /zstd/, 1],
	] as const) {
		const host = memoryHost();
		const writer = await openStore(host, { compression: "always" });
		await writer.publish("s", "a", TEXT);
		await writer.close();
		await damage(host, change);
		forget();
		const store = await openStore(host);
		for (let tries = 0; tries < 2; tries++) {
			const error = await refuses("CORRUPT", store.peek("s", "a"), message);
			assert.equal(typeof error.details["key"], "string");
			assert.equal(error.retryable, false);
		}
		assert.equal(loads, asked);
		assert.equal((await store.verify()).problems.length > 0, true);
		await store.close();
	}
});
