// IndexedDB by itself, with no library around it: a row per event; or a row per batch, the bytes of its events one behind
// the other, which is the most that storing them in blocks can reach.

import { EVENT_BYTES } from "../../../src/data.js";
import { inFlight } from "../../../src/in-flight.js";
import { Tally } from "../../../src/tally.js";
import { timed } from "../../../src/timing.js";
import { batches, eventBytes, expectedBytes, removeDatabase, type Side } from "../side.js";

const STORE = "events";
const SEGMENTS = 100;
const IN_FLIGHT = 1000;

function open(database: string): Promise<IDBDatabase> {
	return new Promise((resolve, reject) => {
		const request = indexedDB.open(database, 1);
		request.onupgradeneeded = () => void request.result.createObjectStore(STORE);
		request.onsuccess = () => resolve(request.result);
		request.onerror = () => reject(request.error);
	});
}

function ended(transaction: IDBTransaction): Promise<void> {
	return new Promise((resolve, reject) => {
		transaction.oncomplete = () => resolve();
		transaction.onabort = () => reject(transaction.error);
	});
}

/** A view is stored with all that its buffer holds, so each event gets a buffer of its own, before the clock starts. */
const ownBytes = (count: number): Uint8Array<ArrayBuffer>[] => eventBytes(count).map((bytes) => bytes.slice());

/** What is stored, in batches of rows. */
type Rows = (count: number) => Uint8Array[][];

const rowsOf: Rows = (count) => batches(ownBytes(count));

const blocksOf: Rows = (count) =>
	batches(eventBytes(count)).map((batch) => {
		const block = new Uint8Array(batch.length * EVENT_BYTES);
		for (const [index, event] of batch.entries()) block.set(event, index * EVENT_BYTES);
		return [block];
	});

async function putAll(db: IDBDatabase, all: readonly Uint8Array[][]): Promise<void> {
	let sequence = 0;
	for (const batch of all) {
		const transaction = db.transaction(STORE, "readwrite", { durability: "relaxed" });
		const store = transaction.objectStore(STORE);
		for (const event of batch) store.put(event, ++sequence);
		await ended(transaction);
	}
}

interface Row {
	readonly key: number;
	readonly value: Uint8Array;
}

interface RecordsStore extends IDBObjectStore {
	getAllRecords?(options: { query: IDBKeyRange; count: number }): IDBRequest<Row[]>;
}

function answerOf<T>(request: IDBRequest<T>): Promise<T> {
	return new Promise((resolve, reject) => {
		request.onsuccess = () => resolve(request.result);
		request.onerror = () => reject(request.error);
	});
}

/** As many rows after a key; where there is no getAllRecords, by the two calls that it is made of. */
async function rowsAfter(store: RecordsStore, last: number, count: number): Promise<Row[]> {
	const query = IDBKeyRange.lowerBound(last, true);
	if (store.getAllRecords !== undefined) return answerOf(store.getAllRecords({ query, count }));
	const [keys, values] = await Promise.all([
		answerOf(store.getAllKeys(query, count)),
		answerOf<Uint8Array[]>(store.getAll(query, count)),
	]);
	return values.map((value, index) => ({ key: keys[index] as number, value }));
}

async function readAll(db: IDBDatabase, count: number): Promise<Tally> {
	const tally = new Tally();
	let last = 0;
	for (;;) {
		const records = await rowsAfter(db.transaction(STORE).objectStore(STORE), last, count);
		for (const { value } of records) {
			if (value.length === EVENT_BYTES) tally.bytes(value);
			else for (let at = 0; at < value.length; at += EVENT_BYTES) tally.bytes(value.subarray(at, at + EVENT_BYTES));
		}
		if (records.length < count) return tally;
		last = records[records.length - 1]?.key ?? last;
	}
}

/** Batches: one transaction each. */
const puttingBy = (name: string, make: Rows, perRead: number): Side => ({
	async run(database, count) {
		const all = make(count);
		const db = await open(database);
		const milliseconds = await timed(() => putAll(db, all));
		(await readAll(db, perRead)).check(name, expectedBytes(count));
		db.close();
		await removeDatabase(database);
		return milliseconds;
	},
});

export const putting = puttingBy("a row per event", rowsOf, 1000);
export const puttingBlocks = puttingBy("a row per batch", blocksOf, 1);

/** One append as a transaction of its own: the event before is there, and the one to add is not. */
function append(db: IDBDatabase, segment: number, sequence: number, event: Uint8Array): Promise<void> {
	const transaction = db.transaction(STORE, "readwrite", { durability: "relaxed" });
	const store = transaction.objectStore(STORE);
	const add = (): void => void store.add(event, [segment, sequence]);
	if (sequence === 1) {
		add();
	} else {
		const before = store.getKey([segment, sequence - 1]);
		before.onsuccess = () => {
			if (before.result === undefined) transaction.abort();
			else add();
		};
	}
	return ended(transaction);
}

/** Single appends, 1,000 in flight. */
export const checkingPuts: Side = {
	async run(database, count) {
		const events = ownBytes(count);
		const issued = new Array<number>(SEGMENTS).fill(0);
		const db = await open(database);
		const milliseconds = await timed(() =>
			inFlight(count, IN_FLIGHT, (index) => {
				const segment = index % SEGMENTS;
				const sequence = (issued[segment] as number) + 1;
				issued[segment] = sequence;
				return append(db, segment, sequence, events[index] as Uint8Array);
			}),
		);
		const counted = db.transaction(STORE).objectStore(STORE).count();
		await ended(counted.transaction as IDBTransaction);
		if (counted.result !== count) throw new Error(`read-check-put: ${counted.result} of ${count} were stored`);
		db.close();
		await removeDatabase(database);
		return milliseconds;
	},
};

/** All rows in key order, so many at a time. */
const gettingBy = (make: Rows, size: number): Side => ({
	async prepare(database, count) {
		const db = await open(database);
		await putAll(db, make(count));
		db.close();
	},
	async run(database, count) {
		const db = await open(database);
		let tally = new Tally();
		const milliseconds = await timed(async () => {
			tally = await readAll(db, size);
		});
		db.close();
		tally.check("getAllRecords", expectedBytes(count));
		return milliseconds;
	},
	remove: removeDatabase,
});

export const gettingRecords = (size: number): Side => gettingBy(rowsOf, size);
export const gettingBlocks: Side = gettingBy(blocksOf, 1);
