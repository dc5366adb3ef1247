import type { ScanRange } from "../../host.js";
import type { Pairs } from "./filling.js";

/** Asks for the first pairs of a range in one direction, at most count of them. */
export type Fetch = (rows: IDBObjectStore, query: IDBKeyRange, count: number, done: (pairs: Pairs) => void) => void;

interface Options {
	readonly query: IDBKeyRange;
	readonly count: number;
	readonly direction: "next" | "prev";
}

/** What browsers got together with getAllRecords: both calls in either direction. */
interface NewerStore {
	getAllRecords(options: Options): IDBRequest<{ key: ArrayBuffer; value: Uint8Array }[]>;
	getAllKeys(options: Options): IDBRequest<ArrayBuffer[]>;
}

const NO_VALUES: readonly Uint8Array[] = [];

/** How to fetch for a range, with what this browser has. */
export function fetchFor(rows: IDBObjectStore, { reverse, keysOnly }: ScanRange): Fetch {
	if (typeof (rows as { getAllRecords?: unknown }).getAllRecords === "function") {
		return keysOnly === true ? keysAtOnce(reverse === true) : recordsAtOnce(reverse === true);
	}
	if (reverse === true) return keysOnly === true ? keysByCursor : pairsByCursor;
	return keysOnly === true ? keysForward : pairsForward;
}

const recordsAtOnce =
	(reverse: boolean): Fetch =>
	(rows, query, count, done) => {
		const store = rows as unknown as NewerStore;
		const request = store.getAllRecords({ query, count, direction: reverse ? "prev" : "next" });
		request.onsuccess = () => {
			const keys: Uint8Array[] = [];
			const values: Uint8Array[] = [];
			for (const { key, value } of request.result) {
				keys.push(new Uint8Array(key));
				values.push(value);
			}
			done({ keys, values });
		};
	};

const keysAtOnce =
	(reverse: boolean): Fetch =>
	(rows, query, count, done) => {
		const store = rows as unknown as NewerStore;
		const request = store.getAllKeys({ query, count, direction: reverse ? "prev" : "next" });
		request.onsuccess = () => done({ keys: request.result.map(bytesOf), values: NO_VALUES });
	};

/**
 * Asks for large values one by one, once the answer to `beyond`, whose range is the same, has their keys: while one is
 * made of what has come, the browser reads the next.
 */
export function rowByRow(beyond: IDBRequest<IDBValidKey[]>): Fetch {
	return (rows, query, count, done) => {
		const values: Uint8Array[] = [];
		let keys: IDBValidKey[] = [];
		const ask = (key: IDBValidKey | IDBKeyRange): void => {
			const request: IDBRequest<Uint8Array> = rows.get(key);
			request.onsuccess = () => {
				if (keys.length > 0) values.push(request.result);
				if (values.length === keys.length) done({ keys: keys.map(bytesOf), values });
			};
		};
		beyond.onsuccess = () => {
			keys = beyond.result.slice(0, count);
			keys.slice(1).forEach(ask);
		};
		// The first of the range.
		ask(query);
	};
}

const pairsForward: Fetch = (rows, query, count, done) => {
	// Two requests of one transaction see the same rows, and the second is answered last.
	const keys = rows.getAllKeys(query, count);
	const values: IDBRequest<Uint8Array[]> = rows.getAll(query, count);
	values.onsuccess = () => done({ keys: keys.result.map(bytesOf), values: values.result });
};

const keysForward: Fetch = (rows, query, count, done) => {
	const request = rows.getAllKeys(query, count);
	request.onsuccess = () => done({ keys: request.result.map(bytesOf), values: NO_VALUES });
};

const pairsByCursor: Fetch = (rows, query, count, done) => {
	const keys: Uint8Array[] = [];
	const values: Uint8Array[] = [];
	const request = rows.openCursor(query, "prev");
	request.onsuccess = () => {
		const cursor = request.result;
		if (cursor !== null) {
			keys.push(bytesOf(cursor.key));
			values.push(cursor.value as Uint8Array);
		}
		if (cursor === null || keys.length === count) done({ keys, values });
		else cursor.continue();
	};
};

const keysByCursor: Fetch = (rows, query, count, done) => {
	const keys: Uint8Array[] = [];
	const request = rows.openKeyCursor(query, "prev");
	request.onsuccess = () => {
		const cursor = request.result;
		if (cursor !== null) keys.push(bytesOf(cursor.key));
		if (cursor === null || keys.length === count) done({ keys, values: NO_VALUES });
		else cursor.continue();
	};
};

function bytesOf(key: IDBValidKey): Uint8Array {
	return new Uint8Array(key as ArrayBuffer);
}
