import { type Bytes, compareBytes } from "../../../common/bytes.js";
import type { HostKv } from "../../../host.js";
import { assert, equal, same } from "../assert.js";
import { type Case, needsBatches, needsConsistency, needsQuickCommits, needsSecond, needsWholeStore } from "../case.js";
import { applied, bytes, keysOf, put, ROW_PREFIX_BYTES, read, row, rowsAre, sameKeys, scan } from "../rows.js";

/** Writes and, while that goes on, looks in several ways at once, again and again. */
async function meanwhile(write: () => Promise<void>, looks: readonly (() => Promise<void>)[]): Promise<void> {
	let writing = true;
	const looking = async (look: () => Promise<void>): Promise<void> => {
		while (writing) {
			await look();
			// Hosts that answer at once would starve the writer.
			await new Promise((resolve) => setTimeout(resolve, 0));
		}
	};
	const written = write().finally(() => {
		writing = false;
	});
	await Promise.all([written, ...looks.map(looking)]);
}

/** That rows which are written together are read so, be they asked for alone or among many, there or not. */
async function snapshots(writer: HostKv, reader: HostKv): Promise<void> {
	await put(writer, ["a", "0"], ["odd", "0"], ["z", "0"]);
	const write = async (): Promise<void> => {
		for (let i = 1; i <= 10; i++) {
			const [goes, comes] = i % 2 === 0 ? ["even", "odd"] : ["odd", "even"];
			const value = String(i);
			await applied(writer, {
				deletes: [goes],
				puts: [
					["a", value],
					[comes, value],
					["z", value],
				],
			});
		}
	};
	const many = Array.from({ length: 146 }, (_, i) => row(`k${i}`));
	const look = async (between: readonly Bytes[]): Promise<void> => {
		const found = await reader.get([row("a"), row("odd"), ...between, row("even"), row("z")]);
		const [a, odd] = found;
		const [even, z] = found.slice(-2);
		const which = `in a get of ${found.length} keys`;
		same(z, a, `${which}: a row that is always written with another`);
		const there = odd ?? even;
		assert(odd === undefined || even === undefined, `${which}: a row is still there though another took its place`);
		same(there, a, `${which}: a row that takes the place of another`);
	};
	const pages = async (): Promise<void> => {
		const page = await scan(reader, { limit: 2 });
		equal(page.keys.length, 2, "pairs");
	};
	await meanwhile(write, [() => look([]), () => look(many), pages]);
}

export const readingCases: readonly Case[] = [
	{
		name: "an empty host holds nothing",
		async run({ host }) {
			same(await read(host, "a"), undefined, "get");
			for (const reverse of [false, true]) {
				const page = await scan(host, { limit: 10, reverse });
				assert(page.keys.length === 0 && page.values.length === 0 && !page.more, "scan must be empty");
			}
		},
	},
	{
		name: "get answers in the order asked, undefined for what is not there",
		async run({ host }) {
			await put(host, ["a", "1"], ["b", "2"], ["c", ""]);
			const answer = await host.get(["b", "x", "a", "c", "b"].map(row));
			equal(answer.length, 5, "values");
			same(answer[0], bytes("2"), "b");
			same(answer[1], undefined, "x");
			same(answer[2], bytes("1"), "a");
			same(answer[3], bytes(""), "c, an empty value");
			same(answer[4], bytes("2"), "b again");
			equal((await host.get([])).length, 0, "values of no keys");
		},
	},
	{
		name: "get of many keys answers all of them",
		async run({ host }) {
			await put(host, ["k007", "7"], ["k140", "140"]);
			const answer = await host.get(Array.from({ length: 150 }, (_, i) => row(`k${String(i).padStart(3, "0")}`)));
			equal(answer.length, 150, "values");
			for (const [i, value] of answer.entries()) {
				same(value, i === 7 || i === 140 ? bytes(String(i)) : undefined, `value ${i}`);
			}
		},
	},
	{
		name: "reads at once are answered as each would be alone",
		async run({ host }) {
			await put(host, ["a", "1"], ["b", "2"], ["c", "3"]);
			const [some, first, last, one, keys] = await Promise.all([
				host.get(["c", "a"].map(row)),
				scan(host, { limit: 1 }),
				scan(host, { limit: 2, reverse: true }),
				host.get([row("b")]),
				keysOf(host, { limit: 5 }),
			]);
			equal(some.length, 2, "values of two keys");
			same(some[0], bytes("3"), "c");
			same(some[1], bytes("1"), "a");
			sameKeys(first.keys, ["a"], "the first pair");
			same(first.values[0], bytes("1"), "its value");
			sameKeys(last.keys, ["c", "b"], "the last pairs");
			same(last.values[1], bytes("2"), "the value of b");
			equal(one.length, 1, "values of one key");
			same(one[0], bytes("2"), "b");
			sameKeys(keys, ["a", "b", "c"], "keys");
		},
	},
	{
		name: "a read that begins after a commit sees it, whatever is still under way",
		needs: [needsConsistency],
		async run({ host }) {
			await put(host, ["a", "0"]);
			const sees = async (value: string, when: string): Promise<void> => {
				same(await read(host, "a"), bytes(value), `get ${when} reads that began before the commit`);
				const page = await scan(host, { limit: 1 });
				same(page.values[0], bytes(value), `scan ${when} reads that began before the commit`);
			};
			for (const value of ["22", "1", "", "3"]) {
				const before = [host.get([row("a")]), scan(host, { limit: 1 })];
				await put(host, ["a", value]);
				// What the earlier ones found must not be remembered either, though nobody read the row anew.
				if (value.length === 1) await sees(value, "during");
				await Promise.all(before);
				await sees(value, "after");
			}
		},
	},
	{
		name: "get does not confuse a key with what it begins with",
		async run({ host }) {
			await put(host, ["ab", "1"]);
			for (const other of ["a", "abc", "aB", [0x61, 0x62, 0x00], ""] as const) {
				same(await read(host, other), undefined, `"${other}"`);
			}
		},
	},
	{
		name: "keys that are alike but for their bytes are different rows",
		async run({ host }) {
			const keys = ["key", "Key", "KEY", "key ", "key\0", "k\u00e9y", "ke\u0301y", [0x6b, 0x80], [0x6b, 0x81]] as const;
			await put(host, ...keys.map((key, i) => [key, `${i}`] as const));
			for (const [i, key] of keys.entries()) same(await read(host, key), bytes(`${i}`), `key ${i}`);
			equal((await scan(host, { limit: 20 })).keys.length, keys.length, "rows");
			await applied(host, { deletes: ["Key"] });
			same(await read(host, "Key"), undefined, "a deleted row");
			same(await read(host, "key"), bytes("0"), "a row that is like it");
		},
	},
	{
		name: "long keys that differ at their end are different rows, in order",
		async run({ host }) {
			const start = "k".repeat(Math.min(host.limits.maxKeyBytes, 1000) - ROW_PREFIX_BYTES - 1);
			const [a, b, c] = [
				[`${start}a`, "a"],
				[`${start}b`, "b"],
				[`${start}c`, "c"],
			] as const;
			await put(host, c);
			await put(host, a, b);
			await rowsAre(host, [a, b, c], "rows");
			await applied(host, { deletes: [b[0]] });
			await rowsAre(host, [a, c], "rows that are left");
		},
	},
	{
		name: "keys and values hold any bytes",
		async run({ host }) {
			const every = new Uint8Array(256).map((_, i) => i);
			// In two halves, as a key need not hold more than 280.
			const rows = [0, 128].map((from) => [[...every.subarray(from, from + 128)], every] as const);
			await put(host, ...rows);
			await rowsAre(host, rows, "rows");
		},
	},
	{
		name: "a key may begin with any byte",
		needs: [needsWholeStore],
		async run({ host }) {
			const keys = [[0x01], [0x41, 0x00], [0x7f], [0x80, 0x00], [0xff], [0xff, 0xff, 0x01]].map(bytes);
			await host.commit({
				checks: [],
				deletes: [],
				puts: keys.map((key, i) => ({ key, value: bytes([i]) })),
				durability: "relaxed",
			});
			for (const start of [[], [0x00]]) {
				for (const reverse of [false, true]) {
					const range = { start: bytes(start), end: bytes([0xff, 0xff, 0xff]), limit: 10, reverse };
					const page = await host.scan(range);
					equal(page.keys.length, keys.length, "pairs");
					const order = reverse ? [...keys].reverse() : keys;
					for (const [i, key] of order.entries()) same(page.keys[i], key, `key ${i}`);
				}
			}
		},
	},
	{
		name: "keys and values of a scan belong together, whatever is written meanwhile",
		needs: [needsQuickCommits],
		async run({ host }) {
			const names = ["a", "b", "c", "d", "e", "f"];
			await put(host, ...names.map((name) => [name, name] as const));
			const write = async (): Promise<void> => {
				for (let i = 0; i < 12; i++) {
					const name = names[(i * 5) % names.length] as string;
					await applied(host, i % 2 === 0 ? { deletes: [name] } : { puts: [[name, name]] });
				}
			};
			const look = async (reverse: boolean): Promise<void> => {
				const page = await scan(host, { limit: 10, reverse });
				equal(page.values.length, page.keys.length, "values");
				for (const [i, key] of page.keys.entries()) {
					same(page.values[i], key.subarray(ROW_PREFIX_BYTES), "the value, which says its key");
				}
			};
			await meanwhile(write, [() => look(false), () => look(true)]);
		},
	},
	{
		// Storages of small rows keep large ones in pieces, or elsewhere.
		name: "a large value is read whole, whatever is written meanwhile",
		needs: [needsQuickCommits, needsConsistency],
		async run({ host }) {
			const most = Math.min(200_000, host.limits.maxValueBytes, host.limits.maxBatchBytes - 400);
			const value = (i: number): Bytes => new Uint8Array(i % 2 === 0 ? most : most >> 1).fill(i);
			const written = (found: Uint8Array | undefined, what: string): void => {
				assert(found !== undefined, `${what}: the row is always there`);
				same(found, value(found[0] ?? 0), `${what}: a value as it was written`);
			};
			await put(host, ["a", value(1)]);
			const write = async (): Promise<void> => {
				for (let i = 2; i <= 9; i++) await put(host, ["a", value(i)]);
			};
			await meanwhile(write, [
				async () => written(await read(host, "a"), "get"),
				async () => written((await scan(host, { limit: 1 })).values[0], "scan"),
			]);
		},
	},
	{
		// Rows that go or come make a difference to where the others are, as storages count that.
		name: "rows that nobody writes are in every page, whatever is written beside them",
		needs: [needsBatches, needsConsistency],
		async run({ host }) {
			const names = Array.from({ length: 240 }, (_, i) => `k${String(i).padStart(3, "0")}`);
			await put(host, ...names.map((name) => [name, name] as const));
			const others = names.filter((_, i) => i % 2 === 0 && i < 20);
			const untouched = names.filter((name) => !others.includes(name));
			const write = async (): Promise<void> => {
				for (let i = 0; i < 6; i++) {
					await applied(host, i % 2 === 0 ? { deletes: others } : { puts: others.map((name) => [name, name]) });
				}
			};
			const look = async (reverse: boolean): Promise<void> => {
				const { keys } = await scan(host, { limit: 1000, reverse });
				const found = keys.filter((key) => !others.some((name) => compareBytes(row(name), key) === 0));
				sameKeys(found, reverse ? [...untouched].reverse() : untouched, "rows that nobody writes");
			};
			await meanwhile(write, [() => look(false), () => look(true)]);
		},
	},
	{
		name: "one get is one snapshot",
		needs: [needsBatches, needsConsistency],
		run: ({ host }) => snapshots(host, host),
	},
	{
		name: "one get is one snapshot, whichever instance writes",
		needs: [needsBatches, needsConsistency, needsSecond],
		run: async (setting) => snapshots(await setting.second(), setting.host),
	},
];
