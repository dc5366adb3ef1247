import type { HostKv } from "../../../host.js";
import { assert, equal, same } from "../assert.js";
import { type Case, needsQuickCommits } from "../case.js";
import { all, applied, type Content, keysOf, put, read, row, sameKeys, scan } from "../rows.js";

// Storages keep values in different ways by their size, and in pieces: around the sizes where they do.
const SIZES = [0, 20_000, 3, 131_073, 65_537, 65_536, 65_535, 4096, 200_000, 1, 16_385, 16_384, 100_000, 0];

function filled(size: number, byte: number): Uint8Array<ArrayBuffer> {
	return new Uint8Array(size).fill(byte);
}

/** Bytes of the largest value that fits a commit with its key. */
function mostBytes({ limits }: HostKv): number {
	return Math.min(limits.maxValueBytes, limits.maxBatchBytes - 400);
}

export const valueCases: readonly Case[] = [
	{
		name: "a value of any size may take the place of any other",
		async run({ host }) {
			const most = mostBytes(host);
			for (const [i, size] of SIZES.entries()) {
				const value = filled(Math.min(size, most), i + 1);
				await put(host, ["a", value]);
				same(await read(host, "a"), value, `get of ${value.length} bytes`);
				const page = await scan(host, { limit: 5 });
				sameKeys(page.keys, ["a"], "one row");
				same(page.values[0], value, `scan of ${value.length} bytes`);
			}
		},
	},
	{
		name: "a value of any size can be deleted",
		async run({ host }) {
			const most = mostBytes(host);
			for (const size of [0, 16_385, 65_537, 131_073]) {
				await put(host, ["a", filled(Math.min(size, most), 1)]);
				await applied(host, { deletes: ["a"] });
				same(await read(host, "a"), undefined, `a row that had ${size} bytes`);
				sameKeys(await keysOf(host, { limit: 5 }), [], "keys");
				equal((await scan(host, { limit: 5 })).keys.length, 0, "pairs");
			}
		},
	},
	{
		name: "rows of all sizes come in the order of their keys",
		async run({ host }) {
			const most = Math.min(20_000, mostBytes(host));
			const rows = ["a", "b", "c", "d", "e", "f"].map((name, i): [string, Content] => [
				name,
				filled(i % 2 === 0 ? most : i, i),
			]);
			for (const pair of rows) await put(host, pair);
			for (const reverse of [false, true]) {
				const order = reverse ? [...rows].reverse() : rows;
				for (const limit of [1, 2, 3, 6]) {
					const page = await scan(host, { limit, reverse });
					sameKeys(
						page.keys,
						order.slice(0, limit).map(([name]) => name),
						`limit ${limit}`,
					);
					for (const [i, value] of page.values.entries()) same(value, order[i]?.[1] as Uint8Array, `value ${i}`);
					assert(page.more === limit < rows.length, `limit ${limit}: more must be ${limit < rows.length}`);
				}
				const some = await scan(host, { limit: 6, maxBytes: most + 10, reverse });
				equal(some.keys.length, reverse ? 3 : 2, "pairs within maxBytes");
				assert(some.more, "more must be true");
			}
		},
	},
	{
		// A host may ask for what is large in another way, once it has seen some.
		name: "pages of large rows join, however often they are read",
		needs: [needsQuickCommits],
		async run({ host }) {
			const size = Math.min(300_000, mostBytes(host));
			const rows = ["a", "b", "c", "d", "e", "f", "g"].map((name, i): [string, Content] => [name, filled(size, i)]);
			for (const pair of rows) await put(host, pair);
			const readAll = async (): Promise<void> => {
				let { start } = all();
				for (let found = 0; ; ) {
					const page = await host.scan({ start, end: all().end, limit: 1000, maxBytes: 3 * size });
					const expected = rows.slice(found, found + page.keys.length);
					const names = expected.map(([name]) => name);
					sameKeys(page.keys, names, `after ${found} rows`);
					for (const [i, value] of page.values.entries()) same(value, expected[i]?.[1] as Uint8Array, `value ${i}`);
					found += page.keys.length;
					assert(page.more === found < rows.length, `after ${found} rows: more must be ${found < rows.length}`);
					if (!page.more) return;
					assert(page.keys.length > 0, "a page must have a row if there is one");
					start = new Uint8Array([...row(names[names.length - 1] as string), 0]);
				}
			};
			await readAll();
			await readAll();
			await applied(host, { deletes: ["d"], puts: [["e", ""]] });
			rows.splice(3, 2, ["e", filled(0, 0)]);
			await readAll();
			await applied(host, { deletes: rows.map(([name]) => name) });
			rows.length = 0;
			await readAll();
		},
	},
];
