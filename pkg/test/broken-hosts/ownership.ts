import { type Bytes, compareBytes, copyBytes } from "../../src/common/bytes.js";
import type { HostBatch, ScanPage } from "../../src/host.js";
import { altered, type Broken, oneAtATime, turn } from "./broken.js";

export const ownership: readonly Broken[] = [
	{
		what: "it borrows, but looks at values later",
		make: (inner) =>
			altered(inner, {
				commit: Object.assign((batch: HostBatch) => Promise.resolve().then(() => inner.commit(batch)), {
					borrows: true,
				}),
			}),
		fails: ["host: a host that borrows is done with values when commit returns"],
	},
	{
		what: "get gives out the very arrays that are kept",
		make: (inner) => {
			const cached = new Map<string, Uint8Array | undefined>();
			return altered(inner, {
				get: async (keys) => {
					const values = await inner.get(keys);
					return keys.map((key, i) => {
						const text = key.join();
						if (cached.get(text) === undefined) cached.set(text, values[i]);
						return cached.get(text);
					});
				},
			});
		},
		fails: ["host: what get gives belongs to the caller"],
	},
	{
		what: "scan gives out the very arrays that are kept",
		make: (inner) => {
			const pages = new Map<string, ScanPage>();
			return altered(inner, {
				scan: async (range) => {
					const text = `${range.start.join()} ${range.end.join()} ${range.keysOnly}`;
					const page = pages.get(text) ?? (await inner.scan(range));
					pages.set(text, page);
					return page;
				},
			});
		},
		fails: ["host: what scan gives belongs to the caller"],
	},
	{
		what: "all answers share one buffer",
		make: (inner) => {
			const shared = new Uint8Array(1 << 16);
			return altered(inner, {
				get: async (keys) => {
					let at = 0;
					return (await inner.get(keys)).map((value) => {
						if (value === undefined) return undefined;
						shared.set(value, at);
						at += value.length;
						return shared.subarray(at - value.length, at);
					});
				},
			});
		},
		fails: ["host: answers do not change when more is read"],
	},
	{
		what: "large values share one buffer",
		make: (inner) => {
			const shared = new Uint8Array(1 << 20);
			return altered(inner, {
				scan: async (range) => {
					const page = await inner.scan(range);
					let at = 0;
					const values = page.values.map((value) => {
						if (value.length < 16_384) return value;
						shared.set(value, at);
						at += value.length;
						return shared.subarray(at - value.length, at);
					});
					return { ...page, values };
				},
			});
		},
		fails: ["host: large values belong to the caller, and do not change"],
	},
	{
		what: "given arrays are written to",
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					const answer = await inner.commit({
						...batch,
						puts: batch.puts.map(({ key, value }) => ({ key: copyBytes(key), value: copyBytes(value) })),
					});
					for (const { value } of batch.puts) value.fill(0);
					return answer;
				},
			}),
		fails: ["host: what a host is given is left as it was"],
	},
	{
		what: "given arrays are taken away",
		make: (inner) =>
			altered(inner, {
				get: async (keys) => inner.get(keys.map((key) => structuredClone(key, { transfer: [key.buffer] }))),
			}),
		fails: ["host: what a host is given is left as it was"],
	},
	{
		what: "get gives one array for a key that is asked for twice",
		make: (inner) =>
			altered(inner, {
				get: async (keys) => {
					const values = await inner.get(keys);
					const texts = keys.map((key) => `${key}`);
					return texts.map((text) => values[texts.indexOf(text)]);
				},
			}),
		fails: ["host: what get gives for a key that is asked for twice is two arrays"],
	},
	{
		what: "large values that get gives share one buffer",
		make: (inner) => {
			const shared = new Uint8Array(1 << 20);
			return altered(inner, {
				get: async (keys) =>
					(await inner.get(keys)).map((value) => {
						if (value === undefined || value.length < 16_384) return value;
						shared.set(value);
						return shared.subarray(0, value.length);
					}),
			});
		},
		fails: ["host: large values belong to the caller, and do not change"],
	},
	{
		what: "what failed checks give shares one buffer",
		make: (inner) => {
			const shared = new Uint8Array(1 << 20);
			return altered(inner, {
				commit: async (batch) => {
					const answer = await inner.commit(batch);
					if (answer.applied || answer.current === undefined) return answer;
					shared.set(answer.current);
					return { ...answer, current: shared.subarray(0, answer.current.length) };
				},
			});
		},
		fails: ["host: what failed checks give does not change with the next one"],
	},
	{
		what: "it borrows, but looks at the values of a commit that waits later",
		make: (inner) => {
			const alone = oneAtATime();
			let going = 0;
			const commit = (batch: HostBatch) => {
				const own = (): HostBatch => ({
					...batch,
					puts: batch.puts.map(({ key, value }) => ({ key, value: copyBytes(value) })),
				});
				const now = going++ === 0 ? own() : undefined;
				return alone(async () => {
					await turn();
					going--;
					return inner.commit(now ?? own());
				});
			};
			return altered(inner, { commit: Object.assign(commit, { borrows: true }) });
		},
		fails: ["host: a host that borrows is done with values when commit returns"],
	},
	{
		what: "large values that are given are taken away",
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					const taken = (value: Bytes): Bytes =>
						value.length < 65_536 ? value : structuredClone(value, { transfer: [value.buffer] });
					return inner.commit({ ...batch, puts: batch.puts.map(({ key, value }) => ({ key, value: taken(value) })) });
				},
			}),
		fails: ["host: what a host is given is left as it was"],
	},
	{
		what: "keys of deletes are written to",
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					const answer = await inner.commit(batch);
					for (const key of batch.deletes) key.fill(0);
					return answer;
				},
			}),
		fails: ["host: what a host is given is left as it was"],
	},
	{
		what: "the keys of a get are put in order",
		make: (inner) =>
			altered(inner, {
				get: (keys) => {
					const asked = [...keys];
					(keys as Bytes[]).sort(compareBytes);
					return inner.get(asked);
				},
			}),
		fails: ["host: what a host is given is left as it was"],
	},
	{
		what: "scans of keys only give out the very arrays that are kept",
		make: (inner) => {
			const kept = new Map<string, Uint8Array>();
			return altered(inner, {
				scan: async (range) => {
					const page = await inner.scan(range);
					if (range.keysOnly !== true) return page;
					for (const key of page.keys) if (!kept.has(`${key}`)) kept.set(`${key}`, key);
					return { ...page, keys: page.keys.map((key) => kept.get(`${key}`) ?? key) };
				},
			});
		},
		fails: ["host: what scan gives belongs to the caller"],
	},
];
