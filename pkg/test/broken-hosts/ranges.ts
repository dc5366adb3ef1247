import { type Bytes, compareBytes } from "../../src/common/bytes.js";
import { StreamkitError } from "../../src/errors.js";
import type { ScanRange } from "../../src/host.js";
import { after, altered, type Broken, scanning } from "./broken.js";

const keysBackwards = ({ keysOnly, reverse }: ScanRange): boolean => keysOnly === true && reverse === true;

/** A host whose scans have another order of keys. */
const ordered = (order: (key: Uint8Array) => string) =>
	scanning(async (page, range, inner) => {
		const everything = await inner.scan({ start: range.start, end: range.end, limit: 1_000_000 });
		const texts = everything.keys.map(order);
		const places = [...texts.keys()].sort((x, y) => {
			const [a, b] = [texts[x] as string, texts[y] as string];
			return (a < b ? -1 : Number(a > b)) * (range.reverse === true ? -1 : 1);
		});
		const given = places.slice(0, page.keys.length);
		return {
			...page,
			keys: given.map((i) => everything.keys[i] as Bytes),
			values: page.values.length === 0 ? [] : given.map((i) => everything.values[i] as Bytes),
		};
	});

const latin1 = new TextDecoder("latin1");

export const ranges: readonly Broken[] = [
	{
		what: "keys order as signed bytes",
		make: scanning((page) => {
			const signed = (a: Uint8Array, b: Uint8Array): number =>
				compareBytes(
					a.map((byte) => byte ^ 0x80),
					b.map((byte) => byte ^ 0x80),
				);
			const order = page.keys.map((_, i) => i).sort((x, y) => signed(page.keys[x] as Bytes, page.keys[y] as Bytes));
			return {
				...page,
				keys: order.map((i) => page.keys[i] as Bytes),
				values: page.values.length === 0 ? [] : order.map((i) => page.values[i] as Bytes),
			};
		}),
		fails: ["host: scan gives unsigned byte order"],
	},
	{
		what: "the end of a range is in it",
		make: (inner) => altered(inner, { scan: (range) => inner.scan({ ...range, end: after(range.end) }) }),
		fails: ["host: a range is half-open at every edge", "host: a range in reverse is the same range"],
	},
	{
		what: "the start of a range is not in it",
		make: (inner) => altered(inner, { scan: (range) => inner.scan({ ...range, start: after(range.start) }) }),
		fails: ["host: a range is half-open at every edge", "host: a range in reverse is the same range"],
	},
	{
		what: "in reverse the range is open at its start",
		make: (inner) =>
			altered(inner, {
				scan: (range) => inner.scan(range.reverse === true ? { ...range, start: after(range.start) } : range),
			}),
		fails: ["host: a range in reverse is the same range"],
	},
	{
		what: "in reverse the range includes its end",
		make: (inner) =>
			altered(inner, {
				scan: (range) => inner.scan(range.reverse === true ? { ...range, end: after(range.end) } : range),
			}),
		fails: ["host: a range in reverse is the same range"],
	},
	{
		what: "reverse is not known",
		make: (inner) => altered(inner, { scan: (range) => inner.scan({ ...range, reverse: false }) }),
		fails: ["host: scan in reverse gives the same, backwards"],
	},
	{
		what: "a range is a prefix",
		make: scanning(async (page, range, inner) => {
			if (range.reverse === true || page.keys.length === 0) return page;
			const prefix = range.end.slice(0, -1);
			return inner.scan({ ...range, start: prefix, end: new Uint8Array([...prefix, 0xff]) });
		}),
		fails: ["host: a range under a name does not reach its neighbours"],
	},
	{
		what: "in reverse a range of keys only includes its end",
		make: (inner) =>
			altered(inner, {
				scan: (range) => inner.scan(keysBackwards(range) ? { ...range, end: after(range.end) } : range),
			}),
		fails: ["host: a range of keys only is the same range"],
	},
	{
		what: "in reverse a range of keys only is open at its start",
		make: (inner) =>
			altered(inner, {
				scan: (range) => inner.scan(keysBackwards(range) ? { ...range, start: after(range.start) } : range),
			}),
		fails: ["host: a range of keys only is the same range"],
	},
	{
		what: "a range that ends before it begins is an error",
		make: (inner) =>
			altered(inner, {
				scan: (range) => {
					if (compareBytes(range.start, range.end) > 0) throw new StreamkitError("UNAVAILABLE", "bounds");
					return inner.scan(range);
				},
			}),
		fails: ["host: a range that ends before it begins is empty"],
	},
	{
		what: "keys order without their case",
		make: ordered((key) => latin1.decode(key).toLowerCase()),
		fails: ["host: scan gives unsigned byte order", "host: scan in reverse gives the same, backwards"],
	},
	{
		what: "digits in keys order as numbers",
		make: ordered((key) => latin1.decode(key).replace(/\d+/g, (digits) => digits.padStart(9, "0"))),
		fails: ["host: scan gives unsigned byte order", "host: scan in reverse gives the same, backwards"],
	},
	{
		what: "keys order by their first 255 bytes",
		make: ordered((key) => latin1.decode(key.subarray(0, 255)) + String.fromCharCode(255 - (key.at(-1) ?? 0))),
		fails: ["host: long keys that differ at their end are different rows, in order"],
	},
	{
		what: "a range without a start is empty",
		make: (inner) =>
			altered(inner, {
				scan: (range) => (range.start.length === 0 ? { keys: [], values: [], more: false } : inner.scan(range)),
			}),
		fails: ["host: a key may begin with any byte"],
	},
];
