import { assert, equal, same } from "../assert.js";
import type { Case } from "../case.js";
import { bytes, fill, KEYS, keysOf, type Piece, put, sameKeys, scan } from "../rows.js";

const A = KEYS.indexOf("a");
const B = KEYS.indexOf("b");

/** Ranges with their edges on keys, between them and beyond them; from and to are places in KEYS. */
const RANGES: readonly { what: string; start: Piece; end: Piece; from: number; to: number }[] = [
	{ what: "from a key up to a key", start: "a", end: "b", from: A, to: B },
	{ what: "the start is in the range", start: [0x61, 0x00], end: [0x61, 0x01], from: A + 1, to: A + 4 },
	{ what: "the end is not in the range", start: [0x61, 0x01], end: "b", from: A + 4, to: B },
	{ what: "just after a key", start: [0x61, 0x00], end: "c", from: A + 1, to: B + 2 },
	{ what: "up to just after a key", start: "a", end: [0x61, 0x00], from: A, to: A + 1 },
	{ what: "edges that are no keys", start: "aa", end: "bb", from: A + 5, to: B + 2 },
	{ what: "one key", start: "b", end: [0x62, 0x00], from: B, to: B + 1 },
	{ what: "a key with 00 after it", start: [0x62, 0x00], end: [0x62, 0x00, 0x00], from: B + 1, to: B + 2 },
	{ what: "an empty range on a key", start: "b", end: "b", from: B, to: B },
	{ what: "an empty range between keys", start: "bb", end: "bc", from: B + 2, to: B + 2 },
	{ what: "keys of 00 only", start: "", end: [0x01], from: 0, to: 2 },
	{ what: "bytes above 7f", start: [0x7f], end: [0xff], from: KEYS.length - 5, to: KEYS.length - 3 },
	{ what: "up to ff", start: [0x80], end: [0xff, 0x00], from: KEYS.length - 4, to: KEYS.length - 2 },
	{ what: "beyond ff", start: [0xff], end: [0xff, 0xff, 0xff], from: KEYS.length - 3, to: KEYS.length },
];

export const rangeCases: readonly Case[] = [
	{
		name: "scan gives unsigned byte order",
		async run({ host }) {
			await fill(host);
			const page = await scan(host, { limit: 100 });
			sameKeys(page.keys, KEYS, "all");
			equal(page.values.length, KEYS.length, "values");
			assert(!page.more, "there is no more");
			page.values.forEach((found, i) => {
				same(found, bytes(`v${i}`), `value ${i}`);
			});
		},
	},
	{
		name: "scan in reverse gives the same, backwards",
		async run({ host }) {
			await fill(host);
			const page = await scan(host, { limit: 100, reverse: true });
			sameKeys(page.keys, [...KEYS].reverse(), "all");
			assert(!page.more, "there is no more");
			page.values.forEach((found, i) => {
				same(found, bytes(`v${KEYS.length - 1 - i}`), `value ${i}`);
			});
		},
	},
	{
		name: "a range is half-open at every edge",
		async run({ host }) {
			await fill(host);
			for (const { what, start, end, from, to } of RANGES) {
				const page = await scan(host, { start, end, limit: 100 });
				sameKeys(page.keys, KEYS.slice(from, to), what);
				assert(!page.more, `${what}: there is no more`);
			}
		},
	},
	{
		name: "a range of keys only is the same range",
		async run({ host }) {
			await fill(host);
			for (const { what, start, end, from, to } of RANGES) {
				for (const reverse of [false, true]) {
					const expected: Piece[] = KEYS.slice(from, to);
					if (reverse) expected.reverse();
					const page = await scan(host, { start, end, limit: 100, keysOnly: true, reverse });
					sameKeys(page.keys, expected, what);
					assert(!page.more, `${what}: there is no more`);
				}
			}
		},
	},
	{
		name: "a range that ends before it begins is empty",
		async run({ host }) {
			await fill(host);
			for (const reverse of [false, true]) {
				for (const keysOnly of [false, true]) {
					const page = await scan(host, { start: "b", end: "a", limit: 100, reverse, keysOnly });
					assert(page.keys.length + page.values.length === 0 && !page.more, "scan must be empty");
				}
			}
		},
	},
	{
		name: "a range in reverse is the same range",
		async run({ host }) {
			await fill(host);
			for (const { what, start, end, from, to } of RANGES) {
				const expected: Piece[] = KEYS.slice(from, to).reverse();
				const page = await scan(host, { start, end, limit: 100, reverse: true });
				sameKeys(page.keys, expected, what);
				assert(!page.more, `${what}: there is no more`);
				if (expected.length > 0) {
					sameKeys(
						await keysOf(host, { start, end, limit: 1, reverse: true }),
						expected.slice(0, 1),
						`${what}: its top`,
					);
				}
			}
		},
	},
	{
		name: "a range under a name does not reach its neighbours",
		async run({ host }) {
			// As the engine asks for all of a name: from the name and 00 up to the name and 01.
			const rows = ["order-1", "order-10", "order-1 ", "order-2", "order-"].map((name) => `${name}\0row`);
			await put(host, ...rows.map((key) => [key, key] as const), ["order-1", "the name alone"]);
			for (const reverse of [false, true]) {
				const page = await scan(host, { start: "order-1\0", end: "order-1\u0001", limit: 10, reverse });
				sameKeys(page.keys, ["order-1\0row"], "all of order-1");
				assert(!page.more, "there is no more");
			}
		},
	},
];
