import { copyBytes } from "../../src/common/bytes.js";
import { altered, type Broken, scanning } from "./broken.js";

export const values: readonly Broken[] = [
	{
		what: "a large value stays beside the small one in its place",
		make: (inner) => {
			const large = new Map<string, Uint8Array>();
			return altered(inner, {
				get: async (keys) => (await inner.get(keys)).map((value, i) => large.get(`${keys[i]}`)?.slice() ?? value),
				commit: (batch) => {
					for (const { key, value } of batch.puts) if (value.length > 16_384) large.set(`${key}`, copyBytes(value));
					for (const key of batch.deletes) large.delete(`${key}`);
					return inner.commit(batch);
				},
			});
		},
		fails: ["host: a value of any size may take the place of any other"],
	},
	{
		what: "a shorter value keeps the further pieces of the one before",
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					const before = await inner.get(batch.puts.map(({ key }) => key));
					const puts = batch.puts.map(({ key, value }, i) => {
						const kept = before[i]?.subarray(Math.max(1, Math.ceil(value.length / 65_536)) * 65_536) ?? [];
						return { key, value: new Uint8Array([...value, ...kept]) };
					});
					return inner.commit({ ...batch, puts });
				},
			}),
		fails: ["host: a value of any size may take the place of any other"],
	},
	{
		what: "large rows are not deleted",
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					const before = await inner.get(batch.deletes);
					return inner.commit({
						...batch,
						deletes: batch.deletes.filter((_, i) => (before[i]?.length ?? 0) <= 16_384),
					});
				},
			}),
		fails: ["host: a value of any size can be deleted"],
	},
	{
		what: "large rows come after small ones",
		make: scanning((page, range) => {
			if (range.keysOnly === true) return page;
			const isLarge = (i: number): number => Number((page.values[i] as Uint8Array).length > 16_384);
			const order = [...page.keys.keys()].sort((x, y) => isLarge(x) - isLarge(y) || x - y);
			return {
				...page,
				keys: order.map((i) => page.keys[i] as Uint8Array),
				values: order.map((i) => page.values[i] as Uint8Array),
			};
		}),
		fails: ["host: rows of all sizes come in the order of their keys"],
	},
	{
		what: "large rows of later pages have each other's values",
		make: scanning((page, { start }) => {
			const isLater = start[start.length - 1] === 0 && (page.values[0]?.length ?? 0) >= 262_144;
			return isLater ? { ...page, values: [...page.values].reverse() } : page;
		}),
		fails: ["host: pages of large rows join, however often they are read"],
	},
];
