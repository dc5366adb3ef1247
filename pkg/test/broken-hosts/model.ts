import type { Bytes } from "../../src/common/bytes.js";
import { after, altered, type Broken } from "./broken.js";

export const model: readonly Broken[] = [
	{
		what: "a row is not put where its key was deleted before, while a longer key is there",
		make: (inner) => {
			const deleted = new Set<string>();
			return altered(inner, {
				commit: async (batch) => {
					const puts: { key: Bytes; value: Bytes }[] = [];
					for (const put of batch.puts) {
						const start = after(put.key);
						const { keys } = await inner.scan({ start, end: new Uint8Array([...put.key, 0xff]), limit: 1 });
						if (!deleted.has(`${put.key}`) || keys.length === 0) puts.push(put);
					}
					for (const key of batch.deletes) deleted.add(`${key}`);
					return inner.commit({ ...batch, puts });
				},
			});
		},
		fails: ["host: commits, scans and gets of all kinds agree with a map"],
	},
];
