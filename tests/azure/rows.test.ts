import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type HostBatch, type HostKv, isStreamkitError, openStore, type Store } from "streamkit";
import { azureTableHost } from "streamkit/azure";
import { type Azurite, startAzurite } from "./azurite.js";
import { type Fate, tap } from "./tap.js";

type Bytes = HostBatch["deletes"][number];

let azurite: Azurite;
before(async () => {
	azurite = await startAzurite();
});
after(() => azurite.stop());

/** A host with nothing in it. */
async function fresh(): Promise<HostKv> {
	return azureTableHost(azurite.client(await azurite.table()));
}

function bytes(text: string, ...more: number[]): Bytes {
	return new Uint8Array([...new TextEncoder().encode(text), ...more]);
}

function batch(change: Partial<HostBatch>): HostBatch {
	return { checks: [], deletes: [], puts: [], durability: "strict", ...change };
}

function pattern(length: number): Bytes {
	return new Uint8Array(length).map((_, i) => (i * 31 + (i >> 8)) % 251);
}

async function put(host: HostKv, ...pairs: readonly (readonly [Bytes, Bytes])[]): Promise<void> {
	const answer = await host.commit(batch({ puts: pairs.map(([key, value]) => ({ key, value })) }));
	assert.equal(answer.applied, true);
}

const hex = (key: Uint8Array): string => Buffer.from(key).toString("hex");

async function refusal(call: Promise<unknown>): Promise<{ code: string; details: Readonly<Record<string, unknown>> }> {
	try {
		await call;
	} catch (error) {
		assert(isStreamkitError(error), String(error));
		return error;
	}
	return assert.fail("it must be refused");
}

describe("values", () => {
	const { maxValueBytes } = azureTableHost({
		submitTransaction() {},
		listEntities() {},
		getEntity() {},
	}).limits;
	const part = 64 << 10;
	for (const size of [
		0,
		1,
		part - 1,
		part,
		part + 1,
		2 * part - 1,
		2 * part,
		2 * part + 1,
		5 * part + 7,
		maxValueBytes - 1,
		maxValueBytes,
	]) {
		test(`a value of ${size} bytes is kept whole, and replaced whole`, async () => {
			const host = await fresh();
			const key = bytes("INV\0SPACES\0s");
			const value = pattern(size);
			await put(host, [key, value]);
			assert.deepEqual((await host.get([key]))[0], value);
			const page = await host.scan({ start: key, end: bytes("INV\0SPACES\0s", 1), limit: 1 });
			assert.deepEqual(page.values, [value]);
			// Nothing of a longer value stays when a shorter one takes its place.
			await put(host, [key, pattern(3)]);
			assert.deepEqual((await host.get([key]))[0], pattern(3));
		});
	}

	test("a value beyond the limit is refused, and the whole commit with it", async () => {
		const host = await fresh();
		const { code, details } = await refusal(
			host.commit(
				batch({
					puts: [
						{ key: bytes("DAT\0SPACES\0s\0a"), value: bytes("1") },
						{ key: bytes("DAT\0SPACES\0s\0b"), value: pattern(maxValueBytes + 1) },
					],
				}),
			) as Promise<unknown>,
		);
		assert.equal(code, "LIMIT_EXCEEDED");
		assert.deepEqual(details, { what: "value bytes", limit: maxValueBytes, actual: maxValueBytes + 1, applied: false });
		assert.deepEqual(await host.get([bytes("DAT\0SPACES\0s\0a")]), [undefined]);
	});
});

describe("keys", () => {
	for (const [kind, prefix] of [
		["of a space", "DAT\0SEGMENTS\0s\0"],
		["of no space", "x"],
		["of a redo record", "TXN\0\x01\x02\0\x04567890123456"],
	] as const) {
		test(`every byte, in order: keys ${kind}`, async () => {
			const host = await fresh();
			const all = Array.from({ length: 256 }, (_, i) => bytes(prefix, i));
			const shuffled = [...all.keys()].sort((x, y) => ((x * 97) % 256) - ((y * 97) % 256)).map((i) => all[i] as Bytes);
			for (let at = 0; at < shuffled.length; at += 64) {
				await put(host, ...shuffled.slice(at, at + 64).map((key) => [key, key] as const));
			}
			const page = await host.scan({ start: bytes(prefix), end: bytes(prefix, 0xff, 0xff), limit: 300 });
			assert.deepEqual(page.keys.map(hex), all.map(hex));
			assert.deepEqual(page.values.map(hex), all.map(hex));
			assert.equal(page.more, false);
			assert.deepEqual(
				(await host.get([all[0] as Bytes, all[255] as Bytes])).map((value) => hex(value as Bytes)),
				[hex(all[0] as Bytes), hex(all[255] as Bytes)],
			);
			for (const i of [0, 1, 47, 92, 127, 128, 254]) {
				const rest = await host.scan({
					start: bytes(prefix, i, 0),
					end: bytes(prefix, 0xff),
					limit: 300,
					keysOnly: true,
				});
				assert.deepEqual(rest.keys.map(hex), all.slice(i + 1, 255).map(hex));
			}
		});
	}

	test("as long as can be, of every kind; one byte more is refused", async () => {
		const host = await fresh();
		const { maxKeyBytes } = host.limits;
		for (const prefix of ["DAT\0SEGMENTS\0s\0", "GRP\0s\0", "TRX\0s\0", "x", "TXN\x000123456789abcdef\0"]) {
			const key = bytes(prefix.padEnd(maxKeyBytes, "\u007f"));
			assert.equal(key.length, maxKeyBytes);
			await put(host, [key, bytes("1")]);
			assert.deepEqual(await host.get([key]), [bytes("1")]);
			const { code } = await refusal(
				host.commit(
					batch({ puts: [{ key: bytes(`${prefix.padEnd(maxKeyBytes, "\u007f")}x`), value: bytes("1") }] }),
				) as Promise<unknown>,
			);
			assert.equal(code, "LIMIT_EXCEEDED");
			const check = await refusal(
				host.commit(
					batch({ checks: [{ key: bytes(`${prefix.padEnd(maxKeyBytes, "\u007f")}x`), value: undefined }] }),
				) as Promise<unknown>,
			);
			assert.equal(check.code, "LIMIT_EXCEEDED");
			assert.deepEqual(await host.get([bytes(`${prefix.padEnd(maxKeyBytes, "\u007f")}x`)]), [undefined]);
		}
	});

	test("stores with different prefixes, and spaces whose names begin alike, do not see each other", async () => {
		const client = azurite.client(await azurite.table());
		const short = azureTableHost(client, { prefix: "near" });
		const long = azureTableHost(client, { prefix: "near-t" });
		for (const [host, value] of [
			[short, "short"],
			[long, "long"],
		] as const) {
			for (const key of ["INV\0STORE", "INV\0SPACES\0a", "INV\0SPACES\0a1", "TXN\x000123456789abcdef\0\x01"])
				await put(host, [bytes(key), bytes(value)]);
		}
		for (const [host, value] of [
			[short, "short"],
			[long, "long"],
		] as const) {
			const page = await host.scan({ start: bytes(""), end: bytes("", 0xff), limit: 10 });
			assert.deepEqual(
				page.keys.map((key) => new TextDecoder().decode(key)),
				["INV\0SPACES\0a", "INV\0SPACES\0a1", "INV\0STORE", "TXN\x000123456789abcdef\0\x01"],
			);
			assert.deepEqual(page.values, Array(4).fill(bytes(value)));
		}
	});
});

describe("scans across partitions", () => {
	test("spaces are listed in order, and those without a head are left out", async () => {
		const host = await fresh();
		const names = Array.from({ length: 40 }, (_, i) => `space ${String((i * 17) % 40).padStart(2, "0")}`);
		await Promise.all(names.map((name) => put(host, [bytes(`INV\0SPACES\0${name}`), bytes(name)])));
		// These have rows, but no head.
		await put(host, [bytes("DAT\0SEGMENTS\0space 03 a\0x"), bytes("1")]);
		await put(host, [bytes("DAT\0SEGMENTS\0a\0x"), bytes("1")]);
		await put(host, [bytes("INV\0SPACES\0gone"), bytes("1")]);
		assert.equal((await host.commit(batch({ deletes: [bytes("INV\0SPACES\0gone")] }))).applied, true);

		const sorted = [...names].sort();
		const found: string[] = [];
		let start = bytes("INV\0SPACES\0");
		const end = bytes("INV\0SPACES", 1);
		for (;;) {
			const page = await host.scan({ start, end, limit: 7 });
			found.push(...page.values.map((value) => new TextDecoder().decode(value)));
			assert.equal(page.more, found.length < sorted.length);
			if (!page.more) break;
			start = bytes("", ...(page.keys.at(-1) as Uint8Array), 0);
		}
		assert.deepEqual(found, sorted);

		const reverse = await host.scan({ start: bytes("INV\0SPACES\0space 05"), end, reverse: true, limit: 3 });
		assert.deepEqual(
			reverse.values.map((value) => new TextDecoder().decode(value)),
			sorted.slice(-3).reverse(),
		);
		assert.equal(reverse.more, true);
		const one = await host.scan({ start: bytes("INV\0SPACES\0space 05", 0), end, limit: 1, keysOnly: true });
		assert.deepEqual(one.keys, [bytes("INV\0SPACES\0space 06")]);
	});

	test("rows of all kinds come in the order of their keys, from wherever to wherever", async () => {
		const host = await fresh();
		const keys = [
			"A",
			"DAT\0SEGMENTS\0a\0s\x01",
			"DAT\0SEGMENTS\0a\0s\x02",
			"DAT\0SEGMENTS\0a b\0s\x01",
			"DAT\0SPACES\0a\0x",
			"DATA",
			"GRP\0a\0g",
			"INV\0SEGMENTS\0a\0s",
			"INV\0SPACES\0a",
			"INV\0SPACES\0a b",
			"INV\0STORE",
			"LSE\0k",
			"TRX\0a\0s\0",
			"TXN\x000123456789abcdef\0\0",
			"TXN\x000123456789abcdef\0\x01",
			"TXN\x000123456789abcdeg\0\0",
			"TXN\0short",
			"Z",
		].map((text) => bytes(text));
		// A name that is no text is the name of no space; such a key is still kept, and in its place.
		keys.push(bytes("INV\0SPACES\0", 0xff, 0xfe), bytes("DAT\0SEGMENTS\0", 0x80, 0x00, 0x01));
		for (const key of keys) await put(host, [key, key]);
		keys.sort((a, b) => Buffer.compare(a, b));
		for (let from = 0; from < keys.length; from++) {
			for (const [start, first] of [
				[keys[from] as Bytes, from],
				[bytes("", ...(keys[from] as Bytes), 0), from + 1],
			] as const) {
				const to = Math.min(keys.length - 1, from + 5);
				const end = keys[to] as Bytes;
				const page = await host.scan({ start, end, limit: 20 });
				assert.deepEqual(page.keys.map(hex), keys.slice(first, to).map(hex));
				assert.deepEqual(page.values.map(hex), keys.slice(first, to).map(hex));
				assert.equal(page.more, false);
			}
		}
	});

	test("a long range is read in pages of the service, and the limit is exact", async () => {
		const host = await fresh();
		const count = 1_205;
		const keys = Array.from({ length: count }, (_, i) => bytes("TRX\0s\0", i >> 8, i & 0xff));
		for (let at = 0; at < count; at += 95)
			await put(host, ...keys.slice(at, at + 95).map((key) => [key, key] as const));
		const range = { start: bytes("TRX\0s\0"), end: bytes("TRX\0s", 1) };
		const all = await host.scan({ ...range, limit: count });
		assert.deepEqual([all.keys.length, all.more], [count, false]);
		const most = await host.scan({ ...range, limit: count - 1, keysOnly: true });
		assert.deepEqual([most.keys.length, most.more], [count - 1, true]);
		const top = await host.scan({ ...range, limit: 2, reverse: true });
		assert.deepEqual(top.keys, [keys[count - 1], keys[count - 2]]);
		assert.equal(top.more, true);
	});
});

describe("limits of a commit", () => {
	test("as many operations as are stated, with keys as long as can be, make a request that the service takes", async () => {
		const own = azurite.client(await azurite.table());
		const host = azureTableHost(own, { prefix: "p".repeat(64) });
		const seen = tap(own);
		const { maxBatchOps, maxBatchBytes, maxKeyBytes } = host.limits;
		const keys = Array.from({ length: maxBatchOps }, (_, i) =>
			bytes(`DAT\0SEGMENTS\0s\0${"k".repeat(maxKeyBytes - 17)}`, i >> 8, i & 0xff),
		);
		const size = Math.floor(maxBatchBytes / maxBatchOps) - maxKeyBytes;
		const puts = keys.map((key) => ({ key, value: pattern(size) }));
		puts[0] = {
			key: keys[0] as Bytes,
			value: pattern(maxBatchBytes - maxBatchOps * maxKeyBytes - (maxBatchOps - 1) * size),
		};
		assert.equal(
			puts.reduce((sum, { key, value }) => sum + key.length + value.length, 0),
			maxBatchBytes,
		);
		assert.equal((await host.commit(batch({ puts }))).applied, true);
		const largest = Math.max(...seen.requests.map(({ body }) => Buffer.byteLength(String(body ?? ""))));
		assert(largest > 3 << 20, `the largest request had ${largest} bytes`);
		assert(largest < 4 << 20, `the largest request had ${largest} bytes`);
		const found = await host.get([keys[0] as Bytes, keys[maxBatchOps - 1] as Bytes]);
		assert.deepEqual(found, [puts[0]?.value, puts[maxBatchOps - 1]?.value]);

		const requests = seen.requests.length;
		const more = { key: bytes("DAT\0SEGMENTS\0s\0z"), value: bytes("1") };
		for (const tooLarge of [
			batch({ puts: [...puts, more] }),
			batch({ puts: [{ key: keys[0] as Bytes, value: pattern((puts[0]?.value.length ?? 0) + 1) }, ...puts.slice(1)] }),
		]) {
			const { code, details } = await refusal(host.commit(tooLarge) as Promise<unknown>);
			assert.equal(code, "LIMIT_EXCEEDED");
			assert.equal(details["applied"], false);
		}
		assert.equal(seen.requests.length, requests, "what is too much is not sent");
	});

	test("checks of rows that are not written count as operations", async () => {
		const host = await fresh();
		const key = (i: number): Bytes => bytes("DAT\0SPACES\0s\0", i);
		const puts = Array.from({ length: 99 }, (_, i) => ({ key: key(i), value: bytes("1") }));
		const check = (i: number): HostBatch["checks"][number] => ({ key: key(i), value: undefined });
		const { code } = await refusal(host.commit(batch({ puts, checks: [check(100), check(101)] })) as Promise<unknown>);
		assert.equal(code, "LIMIT_EXCEEDED");
		assert.equal((await host.commit(batch({ puts, checks: [check(0), check(100)] }))).applied, true);
		const deletes = puts.map((one) => one.key);
		assert.equal((await host.commit(batch({ deletes }))).applied, true);
		const rest = await host.scan({ start: key(0), end: key(255), limit: 200 });
		assert.deepEqual(rest, { keys: [], values: [], more: false });
	});

	test("a commit over two spaces is refused", async () => {
		const host = await fresh();
		const puts = ["a", "b"].map((name) => ({ key: bytes(`INV\0SPACES\0${name}`), value: bytes("1") }));
		const { code, details } = await refusal(host.commit(batch({ puts })) as Promise<unknown>);
		assert.equal(code, "UNSUPPORTED");
		assert.equal(details["applied"], false);
		assert.deepEqual(await host.get(puts.map(({ key }) => key)), [undefined, undefined]);
	});
});

describe("requests", () => {
	/** A store on a table of its own, and how many requests a call of it takes. */
	async function counted(): Promise<{ store: Store; requests: (call: () => Promise<unknown>) => Promise<number> }> {
		const client = azurite.client(await azurite.table());
		const seen = tap(client);
		const store = await openStore(azureTableHost(client), { autoCompact: false });
		return {
			store,
			async requests(call) {
				const before = seen.requests.length;
				await call();
				return seen.requests.length - before;
			},
		};
	}

	const writes = (count: number, name: string): Parameters<Store["transact"]>[0] =>
		Array.from({ length: count }, (_, i) => ({ space: "s", segment: `${name}${i}`, records: [{ payload: "x" }] }));

	test("a transaction over new segments reads their heads once, however many they are", async () => {
		const { store, requests } = await counted();
		await store.publish("s", "first", "x");
		for (const count of [1, 2, 6, 12, 13]) {
			assert.equal(await requests(() => store.transact(writes(count, `of ${count} `))), 2, `${count} segments`);
			assert.equal(await requests(() => store.transact(writes(count, `of ${count} `))), 1, `${count} segments, again`);
		}
		await store.close();
	});

	test("heads that are far apart are read one by one, and still at one moment", async () => {
		const { store, requests } = await counted();
		const segments = Array.from({ length: 70 }, (_, i) => `b${String(i).padStart(2, "0")}`);
		for (let at = 0; at < segments.length; at += 10)
			await store.transact(
				segments.slice(at, at + 10).map((segment) => ({ space: "s", segment, records: [{ payload: "x" }] })),
			);
		const wide = ["a", "c"].map((segment) => ({ space: "s", segment, records: [{ payload: "x" }] }));
		const first = await requests(() => store.transact(wide));
		const again = wide.map((write) => ({ ...write, segment: `${write.segment}2` }));
		assert.equal(await requests(() => store.transact(again)), first - 1, "what was too far apart is not tried again");
		assert.equal((await store.getSegmentStatus("s", "c2"))?.lastSequence, 1);
		await store.close();
	});

	test("rows with long keys that keep changing are asked for by a filter that fits a URL", async () => {
		const own = azurite.client(await azurite.table());
		const other = azureTableHost(azurite.client(own.tableName));
		const host = azureTableHost(own);
		const keys = Array.from({ length: 12 }, (_, i) => bytes("DAT\0SPACES\0s\0".padEnd(510, "k"), i));
		await put(other, ...keys.map((key) => [key, bytes("1")] as const));
		const wire = tap(own);
		let value = 1;
		const queries: number[] = [];
		wire.fate = async (_, { url }): Promise<Fate> => {
			if (url.includes("filter=")) queries.push(url.length);
			else await put(other, [keys[0] as Bytes, bytes(`${++value}`)]);
			return "pass";
		};
		const [changing, ...rest] = await host.get(keys);
		assert.ok(Number(new TextDecoder().decode(changing)) > 1);
		assert.deepEqual(rest, Array(11).fill(bytes("1")));
		assert.equal(queries.length, 1);
	});

	test("listings ask for little more than they give", async () => {
		const { store, requests } = await counted();
		const names = Array.from({ length: 42 }, (_, i) => `s${String(i).padStart(2, "0")}`);
		await Promise.all(names.map((name) => store.publish(name, "a", "x")));
		const listed = async (options?: { limit: number; after?: string }): Promise<string[]> => {
			const found: string[] = [];
			for await (const name of store.getSpaces(options)) found.push(name);
			return found;
		};
		assert.ok((await requests(() => listed({ limit: 5 }))) <= 8);
		assert.ok((await requests(() => listed())) <= names.length + 2);
		assert.deepEqual(await listed(), names);
		assert.deepEqual(await listed({ limit: 5, after: "s20" }), names.slice(21, 26));
		await store.close();
	});
});

describe("checks", () => {
	const row = (name: string): Bytes => bytes(`DAT\0SPACES\0s\0${name}`);
	const one = bytes("1");

	test("a row that is only checked stays as it is, and guards the commit", async () => {
		const table = await azurite.table();
		const [host, other] = [azureTableHost(azurite.client(table)), azureTableHost(azurite.client(table))];
		await put(host, [row("a"), one]);
		const guarded = batch({ checks: [{ key: row("a"), value: one }], puts: [{ key: row("b"), value: one }] });
		assert.equal((await host.commit(guarded)).applied, true);
		assert.equal((await host.commit(guarded)).applied, true);
		assert.deepEqual(await host.get([row("a"), row("b")]), [one, one]);
		// What the first host remembers of the row is no longer so.
		await put(other, [row("a"), bytes("2")]);
		assert.deepEqual(await host.commit({ ...guarded, puts: [{ key: row("c"), value: one }] }), {
			applied: false,
			check: 0,
			current: bytes("2"),
		});
		// The same value in another version still holds.
		await put(other, [row("a"), one]);
		assert.equal((await host.commit(guarded)).applied, true);
		assert.deepEqual(await host.get([row("c")]), [undefined]);
	});

	test("that a row is not there guards the commit, and leaves nothing", async () => {
		const host = await fresh();
		const guarded = batch({ checks: [{ key: row("n"), value: undefined }], puts: [{ key: row("b"), value: one }] });
		for (let i = 0; i < 2; i++) assert.equal((await host.commit(guarded)).applied, true);
		assert.deepEqual(await host.get([row("n"), row("b")]), [undefined, one]);
		const page = await host.scan({ start: row(""), end: row("z"), limit: 10 });
		assert.deepEqual(page.keys, [row("b")]);
		await put(host, [row("n"), one]);
		assert.deepEqual(await host.commit(guarded), { applied: false, check: 0, current: one });
	});

	test("a row that is checked and removed", async () => {
		const host = await fresh();
		await put(host, [row("a"), one], [row("b"), one]);
		const wrong = batch({ checks: [{ key: row("a"), value: bytes("2") }], deletes: [row("a")] });
		assert.deepEqual(await host.commit(wrong), { applied: false, check: 0, current: one });
		const right = batch({ checks: [{ key: row("a"), value: one }], deletes: [row("a")] });
		assert.equal((await host.commit(right)).applied, true);
		assert.deepEqual(await host.commit(right), { applied: false, check: 0, current: undefined });
		assert.deepEqual((await host.scan({ start: row(""), end: row("z"), limit: 9 })).keys, [row("b")]);
		assert.equal(
			(
				await host.commit(
					batch({ checks: [{ key: row("a"), value: undefined }], puts: [{ key: row("a"), value: one }] }),
				)
			).applied,
			true,
		);
		assert.deepEqual(await host.get([row("a")]), [one]);
	});

	test("rows that are not there can be removed with others that are", async () => {
		const host = await fresh();
		await put(host, [row("a"), one], [row("c"), one]);
		const change = batch({ deletes: ["x", "a", "y"].map(row), puts: [{ key: row("b"), value: one }] });
		for (let i = 0; i < 2; i++) assert.equal((await host.commit(change)).applied, true);
		assert.equal((await host.commit(batch({ deletes: ["x", "y"].map(row) }))).applied, true);
		assert.deepEqual((await host.scan({ start: row(""), end: row("z"), limit: 9 })).keys, [row("b"), row("c")]);
	});

	for (const [what, row] of [
		["rows", (name: string) => bytes(`DAT\0SPACES\0s\0${name}`)],
		["heads", (name: string) => bytes(`INV\0SEGMENTS\0s\0${name}`)],
	] as const)
		test(`a get of several ${what} is one moment`, async () => {
			const table = await azurite.table();
			const [host, other] = [azureTableHost(azurite.client(table)), azureTableHost(azurite.client(table))];
			// One of the two is there at any time.
			await put(host, [row("a"), one]);
			let stop = false;
			const flipping = (async () => {
				for (let i = 0; !stop; i++) {
					const [from, to] = i % 2 === 0 ? ["a", "b"] : ["b", "a"];
					await other.commit(batch({ deletes: [row(from as string)], puts: [{ key: row(to as string), value: one }] }));
					// Gaps of several lengths, so that gets end up everywhere between the commits.
					for (let turns = (i % 7) * 4; turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
				}
			})();
			try {
				for (let i = 0; i < 20; i++) {
					const found = (await host.get([row("a"), row("b")])).filter((value) => value !== undefined);
					assert.equal(found.length, 1);
				}
			} finally {
				stop = true;
				await flipping;
			}
		});
});
