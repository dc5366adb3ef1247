import type { HostKv } from "../../../host.js";
import { assert, equal, same } from "../assert.js";
import type { Case } from "../case.js";
import { applied, type Content, keysOf, put, read, sameKeys, scan } from "../rows.js";

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
];
