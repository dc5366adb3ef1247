import { type Bytes, compareBytes, copyBytes } from "../../src/common/bytes.js";
import type { ScanRange } from "../../src/host.js";
import { altered, type Broken, turn } from "./broken.js";

export const reading: readonly Broken[] = [
	{
		what: "get answers in key order",
		make: (inner) =>
			altered(inner, {
				get: (keys) => inner.get([...keys].sort(compareBytes)),
			}),
		fails: ["host: get answers in the order asked, undefined for what is not there"],
	},
	{
		what: "get leaves out what is not there",
		make: (inner) =>
			altered(inner, { get: async (keys) => (await inner.get(keys)).filter((value) => value !== undefined) }),
		fails: [
			"host: get answers in the order asked, undefined for what is not there",
			"host: an empty host holds nothing",
		],
	},
	{
		what: "an empty value is taken for none",
		make: (inner) =>
			altered(inner, {
				get: async (keys) => (await inner.get(keys)).map((value) => (value?.length === 0 ? undefined : value)),
			}),
		fails: ["host: get answers in the order asked, undefined for what is not there"],
	},
	{
		what: "values are plain arrays",
		make: (inner) =>
			altered(inner, {
				get: async (keys) => (await inner.get(keys)).map((value) => value && ([...value] as never)),
			}),
		fails: ["host: get answers in the order asked, undefined for what is not there"],
	},
	{
		what: "get answers the first hundred keys",
		make: (inner) =>
			altered(inner, {
				get: async (keys) => {
					const some = await inner.get(keys.slice(0, 100));
					return keys.map((_, i) => some[i]);
				},
			}),
		fails: ["host: get of many keys answers all of them"],
	},
	{
		what: "a scan goes on with the range of another one",
		make: (inner) => {
			let latest: ScanRange;
			return altered(inner, {
				scan: async (range) => {
					latest = range;
					await turn();
					return inner.scan(latest);
				},
			});
		},
		fails: ["host: reads at once are answered as each would be alone"],
	},
	{
		what: "get takes each key at another moment",
		make: (inner) =>
			altered(inner, {
				get: async (keys) => {
					const values: (Uint8Array | undefined)[] = [];
					for (const key of keys) {
						values.push((await inner.get([key]))[0]);
						await new Promise((resolve) => setTimeout(resolve, 0));
					}
					return values;
				},
				commit: async (batch) => {
					await new Promise((resolve) => setTimeout(resolve, 0));
					return inner.commit(batch);
				},
			}),
		fails: ["host: one get is one snapshot"],
	},
	{
		what: "a batch is applied row by row",
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					const { checks, deletes, puts, durability } = batch;
					const answer = await inner.commit({ checks, deletes, puts: [], durability });
					if (!answer.applied) return answer;
					for (const put of puts) {
						await new Promise((resolve) => setTimeout(resolve, 0));
						await inner.commit({ checks: [], deletes: [], puts: [put], durability });
					}
					return answer;
				},
			}),
		fails: ["host: one get is one snapshot", "host: a commit whose last operation is beyond a limit leaves nothing"],
	},
	{
		what: "a scan reads keys, then values",
		make: (inner) =>
			altered(inner, {
				scan: async (range) => {
					const page = await inner.scan(range);
					if (range.keysOnly === true) return page;
					await turn();
					const values = (await inner.get(page.keys.map(copyBytes))).filter((value) => value !== undefined);
					return { ...page, keys: page.keys.slice(0, values.length), values };
				},
				commit: (batch) => turn().then(() => inner.commit(batch)),
			}),
		fails: ["host: keys and values of a scan belong together, whatever is written meanwhile"],
	},
	{
		what: "keys are kept without their case",
		make: (inner) => {
			const lower = (key: Bytes): Bytes => key.map((byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte));
			return altered(inner, {
				get: (keys) => inner.get(keys.map(lower)),
				scan: (range) => inner.scan({ ...range, start: lower(range.start), end: lower(range.end) }),
				commit: ({ checks, deletes, puts, durability }) =>
					inner.commit({
						checks: checks.map(({ key, value }) => ({ key: lower(key), value })),
						deletes: deletes.map(lower),
						puts: puts.map(({ key, value }) => ({ key: lower(key), value })),
						durability,
					}),
			});
		},
		fails: ["host: keys that are alike but for their bytes are different rows"],
	},
];
