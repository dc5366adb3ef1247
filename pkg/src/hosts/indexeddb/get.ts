import { type Bytes, isUint8Array } from "../../common/bytes.js";
import { corrupt, isDamage, NO_BYTES } from "./errors.js";
import { reading } from "./transaction.js";

/** Asks for the value of a key. Where the transaction ends without an answer, its end tells. */
export function askFor(
	rows: IDBObjectStore,
	key: Bytes,
	done: (value: Uint8Array | undefined) => void,
	failed: (error: unknown) => void,
): void {
	const request = rows.get(key);
	const damaged = (cause: unknown): void => failed(corrupt(rows.transaction.db.name, key, cause));
	request.onsuccess = () => {
		const value: unknown = request.result;
		if (value === undefined || isUint8Array(value)) done(value);
		else damaged(NO_BYTES);
	};
	request.onerror = () => {
		if (isDamage(request.error)) damaged(request.error);
	};
}

/** The values of the keys, in one transaction: one snapshot. */
export function getRows(db: IDBDatabase, keys: readonly Bytes[]): Promise<(Uint8Array | undefined)[]> {
	return reading(db, (rows, resolve, reject) => {
		const values: (Uint8Array | undefined)[] = [];
		// Answers come in the order of the questions.
		const answered = (value: Uint8Array | undefined): void => {
			if (values.push(value) === keys.length) resolve(values);
		};
		for (const key of keys) askFor(rows, key, answered, reject);
	});
}
