import { assert, equal, same } from "../assert.js";
import { type Case, needsBatches, needsConsistency, needsQuickCommits, needsWholeStore } from "../case.js";
import { applied, bytes, keysOf, put, ROW_PREFIX_BYTES, read, row, sameKeys, scan } from "../rows.js";

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
		name: "keys and values hold any bytes",
		async run({ host }) {
			const every = new Uint8Array(256).map((_, i) => i);
			await put(host, [[...every], every]);
			same(await read(host, [...every]), every, "get");
			const page = await scan(host, { start: [0], end: [1], limit: 2 });
			equal(page.keys.length, 1, "pairs");
			same(page.keys[0], row([...every]), "key");
			same(page.values[0], every, "value");
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
			const page = await host.scan({ start: bytes([0x00]), end: bytes([0xff, 0xff, 0xff]), limit: 10 });
			equal(page.keys.length, keys.length, "pairs");
			for (const [i, key] of keys.entries()) same(page.keys[i], key, `key ${i}`);
		},
	},
	{
		name: "keys and values of a scan belong together, whatever is written meanwhile",
		needs: [needsQuickCommits],
		async run({ host }) {
			const names = ["a", "b", "c", "d", "e", "f"];
			await put(host, ...names.map((name) => [name, name] as const));
			let writing = true;
			const write = async (): Promise<void> => {
				for (let i = 0; i < 12; i++) {
					const name = names[(i * 5) % names.length] as string;
					await applied(host, i % 2 === 0 ? { deletes: [name] } : { puts: [[name, name]] });
				}
			};
			const look = async (reverse: boolean): Promise<void> => {
				while (writing) {
					const page = await scan(host, { limit: 10, reverse });
					equal(page.values.length, page.keys.length, "values");
					for (const [i, key] of page.keys.entries()) {
						same(page.values[i], key.subarray(ROW_PREFIX_BYTES), "the value, which says its key");
					}
					// Hosts that answer at once would starve the writer.
					await new Promise((resolve) => setTimeout(resolve, 0));
				}
			};
			await Promise.all([
				write().finally(() => {
					writing = false;
				}),
				look(false),
				look(true),
			]);
		},
	},
	{
		name: "one get is one snapshot",
		needs: [needsBatches, needsConsistency],
		async run({ host }) {
			await put(host, ["a", "0"], ["z", "0"]);
			let writing = true;
			const write = async (): Promise<void> => {
				for (let i = 1; i <= 10; i++) {
					await applied(host, {
						puts: [
							["a", String(i)],
							["z", String(i)],
						],
					});
				}
			};
			const read = async (): Promise<void> => {
				while (writing) {
					const [a, z] = await host.get([row("a"), row("z")]);
					same(z, a, "two rows that are always written together");
					const page = await scan(host, { limit: 2 });
					equal(page.keys.length, 2, "pairs");
					// Hosts that answer at once would starve the writer.
					await new Promise((resolve) => setTimeout(resolve, 0));
				}
			};
			await Promise.all([
				write().finally(() => {
					writing = false;
				}),
				read(),
				read(),
			]);
		},
	},
];
