import { type Bytes, compareBytes, isUint8Array } from "../../common/bytes.js";
import type { ScanPage, ScanRange } from "../../host.js";
import { corrupt, isDamage, NO_BYTES } from "./errors.js";
import { fetchFor, rowByRow } from "./fetch.js";
import { Filling } from "./filling.js";
import type { Means } from "./means.js";
import { reading } from "./transaction.js";

/** A page of a range. Rows from where one is damaged come one by one, so that what is in front of it is read. */
export async function scanRows(db: IDBDatabase, range: ScanRange, means: Means): Promise<ScanPage> {
	try {
		return await readPage(db, range, means);
	} catch (error) {
		if (!isDamage(error)) throw error;
		if (range.limit > 1) return scanRows(db, { ...range, limit: 1 }, means);
		const { keys } = await readPage(db, { ...range, keysOnly: true }, means);
		throw corrupt(db.name, keys[0] ?? range.start, error);
	}
}

/** A page of a range, in one transaction. */
function readPage(db: IDBDatabase, range: ScanRange, means: Means): Promise<ScanPage> {
	// IndexedDB throws for a range that can hold nothing.
	if (compareBytes(range.start, range.end) >= 0) return Promise.resolve({ keys: [], values: [], more: false });
	return reading(db, (rows, resolve, reject) => {
		const filling = new Filling(range, means.of(range));
		const { keys, values } = filling;
		const fetch = fetchFor(rows, range);
		const finish = (more: boolean): void => {
			means.note(range, filling.mean);
			resolve({ keys, values, more });
		};

		/** Asks for what follows the pairs there are. */
		const goOn = (): void => {
			const query = rest(range, keys);
			const count = filling.next();
			if (query === undefined) {
				finish(false);
			} else if (count === 0) {
				// The page is full: whether there is more can be told without reading it.
				const key = rows.getKey(query);
				key.onsuccess = () => finish(key.result !== undefined);
			} else {
				step(query, count);
			}
		};

		const step = (query: IDBKeyRange, count: number): void => {
			// Beside values keys cost little: whether there is more is asked in the same turn.
			const beyond = range.keysOnly === true ? undefined : rows.getAllKeys(query, count + 1);
			const byRow = beyond !== undefined && range.reverse !== true && filling.areLarge && count > 1;
			(byRow ? rowByRow(beyond) : fetch)(rows, query, count, (pairs) => {
				if (!pairs.values.every(isUint8Array)) reject(NO_BYTES);
				else if (!filling.take(pairs)) finish(true);
				else if (pairs.keys.length < count) finish(false);
				else if (beyond === undefined) goOn();
				else if (beyond.result.length <= count) finish(false);
				else if (filling.next() === 0) finish(true);
				else goOn();
			});
		};

		step(IDBKeyRange.bound(range.start, range.end, false, true), filling.next());
	});
}

/** What is left of the range after those keys; undefined: nothing can be. */
function rest({ start, end, reverse }: ScanRange, keys: readonly Uint8Array[]): IDBKeyRange | undefined {
	const last = keys[keys.length - 1] as Bytes;
	if (reverse !== true) return IDBKeyRange.bound(last, end, true, true);
	return compareBytes(start, last) < 0 ? IDBKeyRange.bound(start, last, false, true) : undefined;
}
