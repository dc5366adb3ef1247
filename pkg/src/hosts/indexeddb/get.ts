import type { Bytes } from "../../bytes.js";
import { reading } from "./transaction.js";

/** The values of the keys, in one transaction: one snapshot. */
export function getRows(db: IDBDatabase, keys: readonly Bytes[]): Promise<(Uint8Array | undefined)[]> {
	return reading(db, (rows, resolve) => {
		const values: (Uint8Array | undefined)[] = new Array(keys.length);
		for (const [index, key] of keys.entries()) {
			const request: IDBRequest<Uint8Array | undefined> = rows.get(key);
			request.onsuccess = () => {
				values[index] = request.result;
				// Answers come in the order of the questions.
				if (index === keys.length - 1) resolve(values);
			};
		}
	});
}
