import { assert, equal, same } from "../assert.js";
import { type Case, needsBatches, needsQuickCommits } from "../case.js";
import {
	all,
	applied,
	bytes,
	fill,
	KEYS,
	keysOf,
	type Piece,
	put,
	ROW_PREFIX_BYTES,
	row,
	rowsAre,
	sameKeys,
	scan,
} from "../rows.js";

const DIRECTIONS = [false, true];

export const pageCases: readonly Case[] = [
	{
		name: "scan stops at the limit, and more is exact",
		async run({ host }) {
			await fill(host);
			for (const reverse of DIRECTIONS) {
				const order: readonly Piece[] = reverse ? [...KEYS].reverse() : KEYS;
				for (let limit = 1; limit <= KEYS.length + 1; limit++) {
					const page = await scan(host, { limit, reverse });
					sameKeys(page.keys, order.slice(0, limit), `limit ${limit}`);
					equal(page.values.length, page.keys.length, `limit ${limit}: values`);
					assert(page.more === limit < KEYS.length, `limit ${limit}: more must be ${limit < KEYS.length}`);
				}
			}
		},
	},
	{
		name: "rows beyond the range are not more",
		async run({ host }) {
			await fill(host);
			const inRange = KEYS.indexOf("b") - KEYS.indexOf("a");
			for (const reverse of DIRECTIONS) {
				for (const limit of [inRange - 1, inRange, inRange + 1]) {
					const page = await scan(host, { start: "a", end: "b", limit, reverse });
					equal(page.keys.length, Math.min(limit, inRange), `limit ${limit}: pairs`);
					assert(page.more === limit < inRange, `limit ${limit}: more must be ${limit < inRange}`);
				}
			}
		},
	},
	{
		name: "scan stops at maxBytes of values, after at least one pair",
		async run({ host }) {
			// What they were before does not count.
			await put(host, ["b", ""], ["c", new Uint8Array(1000)]);
			await put(host, ...["a", "b", "c", "d"].map((key) => [key, new Uint8Array(100)] as const));
			for (const [maxBytes, expected] of [
				[0, 1],
				[1, 1],
				[99, 1],
				[100, 1],
				[199, 1],
				[200, 2],
				[399, 3],
				[400, 4],
				[10_000, 4],
			] as const) {
				for (const reverse of DIRECTIONS) {
					const page = await scan(host, { limit: 10, maxBytes, reverse });
					equal(page.keys.length, expected, `maxBytes ${maxBytes}: pairs`);
					assert(page.more === expected < 4, `maxBytes ${maxBytes}: more must be ${expected < 4}`);
				}
			}
			const both = await scan(host, { limit: 2, maxBytes: 350 });
			equal(both.keys.length, 2, "limit before maxBytes: pairs");
			assert(both.more, "limit before maxBytes: more must be true");
		},
	},
	{
		name: "maxBytes counts values only, and stops before the pair that is too much",
		async run({ host }) {
			await put(host, ["a", ""], ["b", "22"], ["c", ""], ["d", "4444"], ["e", ""]);
			const forwards = await scan(host, { limit: 10, maxBytes: 2 });
			sameKeys(forwards.keys, ["a", "b", "c"], "two bytes");
			assert(forwards.more, "more must be true");
			const backwards = await scan(host, { limit: 10, maxBytes: 2, reverse: true });
			sameKeys(backwards.keys, ["e"], "two bytes from the top");
			assert(backwards.more, "more must be true");
			const all = await scan(host, { limit: 10, maxBytes: 6 });
			equal(all.keys.length, 5, "pairs of six bytes");
			assert(!all.more, "more must be false");
		},
	},
	{
		// Storages that write anew instead of changing keep what was there for a while.
		name: "rows that were deleted or replaced count for nothing",
		needs: [needsBatches],
		async run({ host }) {
			await put(host, ...["a", "b", "c", "d", "e", "f"].map((key) => [key, new Uint8Array(100)] as const));
			await applied(host, { deletes: ["a", "c", "d", "f"] });
			await put(host, ["b", "1"], ["e", "2"]);
			const left = [
				["b", "1"],
				["e", "2"],
			] as const;
			await rowsAre(host, left, "rows left");
			for (const reverse of DIRECTIONS) {
				const page = await scan(host, { limit: 2, maxBytes: 2, reverse });
				equal(page.keys.length, 2, "pairs of two bytes");
				assert(!page.more, "two bytes: more must be false");
				const keys = await scan(host, { limit: 2, keysOnly: true, reverse });
				sameKeys(keys.keys, reverse ? ["e", "b"] : ["b", "e"], "keys");
				assert(!keys.more, "keys: more must be false");
			}
			await applied(host, { deletes: ["b", "e"] });
			await rowsAre(host, [], "rows left in the end");
		},
	},
	{
		name: "scan of keys only gives no values",
		async run({ host }) {
			await fill(host);
			for (const reverse of DIRECTIONS) {
				const order: readonly Piece[] = reverse ? [...KEYS].reverse() : KEYS;
				const page = await scan(host, { limit: 5, keysOnly: true, reverse });
				sameKeys(page.keys, order.slice(0, 5), "keys");
				equal(page.values.length, 0, "values");
				assert(page.more, "more must be true");
				const all = await scan(host, { limit: KEYS.length, keysOnly: true, reverse });
				sameKeys(all.keys, order, "all keys");
				assert(!all.more, "more must be false");
			}
		},
	},
	{
		name: "maxBytes means nothing to a scan of keys only",
		async run({ host }) {
			await put(host, ["a", "1"], ["b", "22"], ["c", "333"]);
			for (const reverse of DIRECTIONS) {
				const page = await scan(host, { limit: 5, maxBytes: 1, keysOnly: true, reverse });
				sameKeys(page.keys, reverse ? ["c", "b", "a"] : ["a", "b", "c"], "keys");
				assert(!page.more, "more must be false");
			}
		},
	},
	{
		// Storages give so many rows at a time, and a host that hides that has seams.
		name: "a page may hold many rows",
		needs: [needsQuickCommits],
		async run({ host }) {
			const count = 2100;
			const names = Array.from({ length: count }, (_, i) => `k${String(i).padStart(4, "0")}`);
			await put(host, ...names.map((name) => [name, name] as const));
			const look = async (limit: number, reverse: boolean, keysOnly: boolean): Promise<void> => {
				const page = await scan(host, { limit, keysOnly, reverse });
				const expected = reverse ? names.slice(-limit).reverse() : names.slice(0, limit);
				sameKeys(page.keys, expected, `limit ${limit}`);
				assert(page.more === limit < count, `limit ${limit}: more must be ${limit < count}`);
				equal(page.values.length, keysOnly ? 0 : expected.length, `limit ${limit}: values`);
				for (const [i, value] of page.values.entries()) same(value, bytes(expected[i] ?? ""), `value ${i}`);
			};
			for (const reverse of DIRECTIONS) {
				for (const limit of [256, 257, 999, 1000, 1001, 2100, 5000]) {
					await look(limit, reverse, true);
				}
				// Backwards some hosts read every value by itself.
				for (const limit of reverse ? [1001] : [256, 1000, 1001, 5000]) await look(limit, reverse, false);
			}
		},
	},
	{
		// Whoever reads on begins just after the last key, which is a byte longer.
		name: "the edges of a range may be longer than any key",
		needs: [({ limits }) => (limits.maxKeyBytes > 1 << 20 ? "keys may be longer than this suite tries" : undefined)],
		async run({ host }) {
			const longest = row("k".repeat(host.limits.maxKeyBytes - ROW_PREFIX_BYTES));
			const after = new Uint8Array([...longest, 0]);
			await put(host, ["a", "1"], ["k".repeat(longest.length - ROW_PREFIX_BYTES), "2"], ["z", "3"]);
			for (const reverse of DIRECTIONS) {
				const rest = await host.scan({ start: after, end: all().end, limit: 5, reverse });
				sameKeys(rest.keys, ["z"], "after the longest key");
				const first = await host.scan({ start: all().start, end: after, limit: 5, reverse });
				equal(first.keys.length, 2, "keys up to just after the longest key");
				assert(!first.more && !rest.more, "more must be false");
			}
		},
	},
	{
		name: "pages join without a gap or a double, in both directions",
		async run({ host }) {
			const count = 41;
			const name = (i: number): string => `k${String(i).padStart(3, "0")}`;
			await put(host, ...Array.from({ length: count }, (_, i) => [name((i * 17) % count), ""] as const));
			const expected = Array.from({ length: count }, (_, i) => name(i));
			for (const reverse of DIRECTIONS) {
				const found: Uint8Array[] = [];
				let { start, end } = all();
				for (let pages = 0; ; pages++) {
					assert(pages <= count, "the pages do not come to an end");
					const page = await host.scan({ start, end, limit: 7, reverse });
					found.push(...page.keys);
					const last = page.keys[page.keys.length - 1];
					if (!page.more || last === undefined) break;
					if (reverse) end = new Uint8Array(last);
					else start = new Uint8Array([...last, 0]);
				}
				sameKeys(found, reverse ? [...expected].reverse() : expected, reverse ? "backwards" : "forwards");
			}
		},
	},
	{
		name: "a large limit is no more than a limit",
		async run({ host }) {
			await put(host, ["a", "1"], ["b", "2"]);
			sameKeys(await keysOf(host, { limit: 1_000_000, maxBytes: 0xffff_ffff }), ["a", "b"], "all");
		},
	},
];
