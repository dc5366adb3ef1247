import { type Bytes, compareBytes, copyBytes } from "../../src/common/bytes.js";
import type { ScanRange } from "../../src/host.js";
import { altered, type Broken, oneAtATime, turn } from "./broken.js";

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
	{
		what: "keys are told apart by their first 255 bytes",
		make: (inner) => {
			const known = new Map<string, Bytes>();
			return altered(inner, {
				commit: (batch) => {
					const deletes = [...batch.deletes];
					for (const { key } of batch.puts) {
						const start = `${key.subarray(0, 255)}`;
						const before = known.get(start);
						if (before !== undefined && compareBytes(before, key) !== 0) deletes.push(before);
						known.set(start, copyBytes(key));
					}
					return inner.commit({ ...batch, deletes });
				},
			});
		},
		fails: ["host: long keys that differ at their end are different rows, in order"],
	},
	{
		what: "get takes a hundred keys at a time",
		make: (inner) =>
			altered(inner, {
				get: async (keys) => {
					const values: (Uint8Array | undefined)[] = [];
					for (let at = 0; at < keys.length; at += 100) {
						values.push(...(await inner.get(keys.slice(at, at + 100))));
						await turn();
					}
					return values;
				},
				commit: (batch) => turn().then(() => inner.commit(batch)),
			}),
		fails: ["host: one get is one snapshot"],
	},
	{
		what: "each instance keeps its own commits out of a get, and no others",
		make: (inner) => {
			const alone = oneAtATime();
			return altered(inner, {
				get: (keys) =>
					alone(async () => {
						const values: (Uint8Array | undefined)[] = [];
						for (const key of keys) {
							values.push((await inner.get([key]))[0]);
							await turn();
						}
						return values;
					}),
				commit: (batch) => alone(() => turn().then(() => inner.commit(batch))),
			});
		},
		fails: ["host: one get is one snapshot, whichever instance writes"],
	},
	{
		what: "large values are read in two pieces",
		make: (inner) =>
			altered(inner, {
				get: async (keys) => {
					const values = await inner.get(keys);
					if (!values.some((value) => value !== undefined && value.length > 65_536)) return values;
					await turn();
					const later = await inner.get(keys);
					return values.map((value, i) => {
						const whole = later[i];
						if (value === undefined || whole === undefined) return value;
						whole.set(value.subarray(0, Math.min(65_536, whole.length)));
						return whole;
					});
				},
				commit: (batch) => turn().then(() => inner.commit(batch)),
			}),
		fails: ["host: a large value is read whole, whatever is written meanwhile"],
	},
	{
		what: "a page is read by counting rows",
		make: (inner) =>
			altered(inner, {
				scan: async (range) => {
					const keys: Uint8Array[] = [];
					const values: Uint8Array[] = [];
					for (;;) {
						const { maxBytes: _, ...rest } = range;
						const page = await inner.scan({ ...rest, limit: keys.length + 50 });
						values.push(...page.values.slice(keys.length));
						keys.push(...page.keys.slice(keys.length));
						if (!page.more) return { keys, values, more: false };
						await turn();
					}
				},
				commit: (batch) => turn().then(() => inner.commit(batch)),
			}),
		fails: ["host: rows that nobody writes are in every page, whatever is written beside them"],
	},
	{
		what: "a get joins one of the same keys that is under way",
		make: (inner) => {
			const going = new Map<string, Promise<readonly (Uint8Array | undefined)[]>>();
			return altered(inner, {
				get: async (keys) => {
					const text = keys.join(" ");
					const reading = going.get(text) ?? Promise.resolve(inner.get(keys)).then((found) => turn().then(() => found));
					going.set(text, reading);
					const values = await reading;
					going.delete(text);
					return values.map((value) => value?.slice());
				},
			});
		},
		fails: ["host: a read that begins after a commit sees it, whatever is still under way"],
	},
	{
		what: "a get remembers what it found, though a commit came between",
		make: (inner) => {
			const cache = new Map<string, Uint8Array | undefined>();
			return altered(inner, {
				get: async (keys) => {
					const texts = keys.map(String);
					if (!texts.every((text) => cache.has(text))) {
						const values = await inner.get(keys);
						await turn();
						for (const [i, text] of texts.entries()) cache.set(text, values[i]);
					}
					return texts.map((text) => cache.get(text)?.slice());
				},
				commit: (batch) => {
					for (const key of [...batch.deletes, ...batch.puts.map(({ key }) => key)]) cache.delete(`${key}`);
					return inner.commit(batch);
				},
			});
		},
		fails: ["host: a read that begins after a commit sees it, whatever is still under way"],
	},
];
