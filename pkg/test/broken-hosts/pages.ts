import { type Bytes, compareBytes } from "../../src/common/bytes.js";
import { memoryHost } from "../../src/hosts/memory.js";
import { after, altered, type Broken, scanning, small } from "./broken.js";

export const pages: readonly Broken[] = [
	{
		what: "reverse turns the first page round",
		make: (inner) =>
			altered(inner, {
				scan: async (range) => {
					const page = await inner.scan({ ...range, reverse: false });
					if (range.reverse !== true) return page;
					return { ...page, keys: [...page.keys].reverse(), values: [...page.values].reverse() };
				},
			}),
		fails: [
			"host: scan stops at the limit, and more is exact",
			"host: a range in reverse is the same range",
			"host: pages join without a gap or a double, in both directions",
		],
	},
	{
		what: "more is always false",
		make: scanning((page) => ({ ...page, more: false })),
		fails: [
			"host: scan stops at the limit, and more is exact",
			"host: pages join without a gap or a double, in both directions",
		],
	},
	{
		what: "more is true whenever the page is full",
		make: scanning((page, range) => ({ ...page, more: page.keys.length === range.limit })),
		fails: ["host: scan stops at the limit, and more is exact", "host: rows beyond the range are not more"],
	},
	{
		what: "more counts rows beyond the range",
		make: scanning(async (page, range, inner) => {
			const wide = { ...range, start: new Uint8Array([0]), end: new Uint8Array([0xff]) };
			return { ...page, more: page.more || (await inner.scan(wide)).more };
		}),
		fails: ["host: rows beyond the range are not more"],
	},
	{
		what: "one pair too many",
		make: (inner) => altered(inner, { scan: (range) => inner.scan({ ...range, limit: range.limit + 1 }) }),
		fails: ["host: scan stops at the limit, and more is exact"],
	},
	{
		what: "maxBytes is not known",
		make: (inner) =>
			altered(inner, {
				scan: ({ maxBytes: _, ...range }) => inner.scan(range),
			}),
		fails: ["host: scan stops at maxBytes of values, after at least one pair"],
	},
	{
		what: "maxBytes may be passed by one pair",
		make: (inner) =>
			altered(inner, {
				scan: async (range) => {
					const page = await inner.scan(range);
					if (range.maxBytes === undefined || !page.more || page.keys.length === range.limit) return page;
					const { maxBytes: _, ...rest } = range;
					return inner.scan({ ...rest, limit: page.keys.length + 1 });
				},
			}),
		fails: ["host: scan stops at maxBytes of values, after at least one pair"],
	},
	{
		what: "a pair that is larger than maxBytes is never given",
		make: scanning((page, range) => {
			const first = page.values[0]?.length ?? 0;
			return first > (range.maxBytes ?? first) ? { keys: [], values: [], more: true } : page;
		}),
		fails: ["host: scan stops at maxBytes of values, after at least one pair"],
	},
	{
		what: "maxBytes counts keys as well",
		make: (inner) =>
			altered(inner, {
				scan: (range) =>
					inner.scan(range.maxBytes === undefined ? range : { ...range, maxBytes: Math.max(1, range.maxBytes - 30) }),
			}),
		fails: ["host: maxBytes counts values only, and stops before the pair that is too much"],
	},
	{
		what: "keysOnly gives values all the same",
		make: (inner) => altered(inner, { scan: ({ keysOnly: _, ...range }) => inner.scan(range) }),
		fails: ["host: scan of keys only gives no values"],
	},
	{
		what: "keys only are bounded by maxBytes of values",
		make: (inner) =>
			altered(inner, {
				scan: async (range) => {
					const page = await inner.scan({ ...range, keysOnly: false });
					return range.keysOnly === true ? { ...page, values: [] } : page;
				},
			}),
		fails: ["host: maxBytes means nothing to a scan of keys only"],
	},
	{
		what: "the edges of a range are cut to the longest key",
		inner: small,
		make: (inner) => {
			const cut = (bound: Bytes): Bytes => bound.slice(0, inner.limits.maxKeyBytes);
			return altered(inner, {
				scan: (range) => inner.scan({ ...range, start: cut(range.start), end: cut(range.end) }),
			});
		},
		fails: ["host: the edges of a range may be longer than any key"],
	},
	{
		what: "a page ends after a thousand rows",
		make: (inner) =>
			altered(inner, {
				scan: async (range) => {
					const page = await inner.scan({ ...range, limit: Math.min(range.limit, 1000) });
					return { ...page, more: page.more && range.limit <= 1000 };
				},
			}),
		fails: ["host: a page may hold many rows"],
	},
	{
		what: "in reverse only the first thousand rows are seen",
		make: (inner) =>
			altered(inner, {
				scan: async (range) => {
					if (range.reverse !== true) return inner.scan(range);
					const { keys } = await inner.scan({ ...range, reverse: false, limit: 1000 });
					const last = keys[999];
					return inner.scan(last === undefined ? range : { ...range, end: after(last) });
				},
			}),
		fails: ["host: a page may hold many rows"],
	},
	{
		what: "each inner page of 256 rows loses one",
		make: scanning(({ keys, values, more }) => {
			const kept = (_: Uint8Array, i: number): boolean => i % 257 !== 256;
			return { keys: keys.filter(kept), values: values.filter(kept), more };
		}),
		fails: ["host: a page may hold many rows"],
	},
	{
		what: "a maxBytes of 0 is none",
		make: (inner) =>
			altered(inner, {
				scan: ({ maxBytes, ...range }) => inner.scan(maxBytes ? { ...range, maxBytes } : range),
			}),
		fails: ["host: scan stops at maxBytes of values, after at least one pair"],
	},
	{
		what: "maxBytes counts what a row held first",
		make: (inner) => {
			const sizes = new Map<string, number>();
			return altered(inner, {
				commit: (batch) => {
					for (const { key, value } of batch.puts) if (!sizes.has(`${key}`)) sizes.set(`${key}`, value.length);
					return inner.commit(batch);
				},
				scan: async ({ maxBytes, ...range }) => {
					const page = await inner.scan(range);
					if (maxBytes === undefined || range.keysOnly === true) return page;
					let [count, size] = [0, 0];
					for (const key of page.keys) {
						size += sizes.get(`${key}`) ?? 0;
						if (count > 0 && size > maxBytes) break;
						count++;
					}
					const more = page.more || count < page.keys.length;
					return { keys: page.keys.slice(0, count), values: page.values.slice(0, count), more };
				},
			});
		},
		fails: ["host: scan stops at maxBytes of values, after at least one pair"],
	},
	{
		what: "a deleted row beyond the page is more",
		make: (inner) => {
			const deleted = new Map<string, Bytes>();
			return altered(inner, {
				commit: (batch) => {
					for (const key of batch.deletes) deleted.set(`${key}`, key);
					for (const { key } of batch.puts) deleted.delete(`${key}`);
					return inner.commit(batch);
				},
				scan: async (range) => {
					const page = await inner.scan(range);
					const last = page.keys[page.keys.length - 1];
					const isBeyond = (key: Bytes): boolean =>
						last !== undefined && compareBytes(key, last) === (range.reverse === true ? -1 : 1);
					return { ...page, more: page.more || [...deleted.values()].some(isBeyond) };
				},
			});
		},
		fails: ["host: rows that were deleted or replaced count for nothing"],
	},
	{
		what: "a replaced row counts twice",
		make: (inner) => {
			const replaced = new Set<string>();
			return altered(inner, {
				commit: async (batch) => {
					const before = await inner.get(batch.puts.map(({ key }) => key));
					for (const [i, { key }] of batch.puts.entries()) if (before[i] !== undefined) replaced.add(`${key}`);
					return inner.commit(batch);
				},
				scan: async (range) => {
					const page = await inner.scan(range);
					let [count, room] = [0, range.limit];
					for (const key of page.keys) {
						room -= replaced.has(`${key}`) ? 2 : 1;
						if (count > 0 && room < 0) break;
						count++;
					}
					const more = page.more || count < page.keys.length;
					return { keys: page.keys.slice(0, count), values: page.values.slice(0, count), more };
				},
			});
		},
		fails: ["host: rows that were deleted or replaced count for nothing"],
	},
	{
		what: "keysOnly leaves the values out altogether",
		make: scanning(({ keys, values, more }, { keysOnly }) =>
			keysOnly === true ? ({ keys, more } as never) : { keys, values, more },
		),
		fails: ["host: scan of keys only gives no values"],
	},
	{
		what: "whoever reads on begins anew",
		inner: () => memoryHost({ limits: { maxBatchOps: 5000 } }),
		make: (inner) =>
			altered(inner, {
				scan: (range) => inner.scan(range.limit === 1000 ? { ...range, start: range.start.slice(0, 25) } : range),
			}),
		fails: ["host: a commit of maxBatchOps operations is applied"],
	},
];
