// lmdb 3.5.6 with the settings of our directory store: binary keys and values, no overlapping flushes, and one
// synchronous transaction for each batch, which says by its flags whether it waits for the disk.

import * as lmdb from "lmdb";
import { tallyBlock } from "../blocks.js";
import type { Events } from "../data.js";
import { Tally } from "../tally.js";
import { type Side, timed } from "../timing.js";

type Row = readonly [key: Uint8Array, value: Uint8Array];
interface Database {
	put(key: Uint8Array, value: Uint8Array): unknown;
	getRange(options: object): Iterable<{ readonly value: Uint8Array }>;
	transactionSync(action: () => void, flags: number): void;
	close(): Promise<void>;
}

const SYNCED = lmdb.TransactionFlags.ABORTABLE | lmdb.TransactionFlags.SYNCHRONOUS_COMMIT;
const UNSYNCED = SYNCED | lmdb.TransactionFlags.NO_SYNC_FLUSH;

// With keys of its own the package has to be told where a range begins and ends.
const EVERYTHING = { start: Uint8Array.of(0), end: Uint8Array.of(255) };

const keyEncoder = {
	writeKey(key: Uint8Array, target: Uint8Array, start: number): number {
		target.set(key, start);
		return start + key.length;
	},
	readKey: (source: Uint8Array, start: number, end: number): Uint8Array => source.slice(start, end),
};

function open(folder: string): Database {
	return lmdb.open({
		path: folder,
		noSubdir: false,
		overlappingSync: false,
		encoding: "binary",
		maxReaders: 2048,
		maxDbs: 1,
		...({ keyEncoder } as object),
	}) as unknown as Database;
}

function keyOf(index: number): Uint8Array {
	const key = new Uint8Array(8);
	new DataView(key.buffer).setBigUint64(0, BigInt(index));
	return key;
}

/** Numbered rows, in the transactions they are put by. */
export function numbered(values: readonly (readonly Uint8Array[])[]): Row[][] {
	let index = 0;
	return values.map((batch) => batch.map((value): Row => [keyOf(index++), value]));
}

function writeAll(database: Database, all: readonly Row[][], flags: number): void {
	for (const batch of all) {
		database.transactionSync(() => {
			for (const [key, value] of batch) database.put(key, value);
		}, flags);
	}
}

/** Puts rows that were made before. `read` counts what one value holds. */
export function putting(
	name: string,
	durability: "strict" | "relaxed",
	all: readonly Row[][],
	read: (tally: Tally, value: Uint8Array) => void,
	expected: Tally,
): Side {
	const flags = durability === "strict" ? SYNCED : UNSYNCED;
	return {
		name,
		async run(folder) {
			const database = open(folder);
			const milliseconds = await timed(() => writeAll(database, all, flags));
			const tally = new Tally();
			for (const { value } of database.getRange(EVERYTHING)) read(tally, value);
			await database.close();
			tally.check(name, expected);
			return { count: expected.count, milliseconds };
		},
	};
}

export const readRow = (tally: Tally, value: Uint8Array): void => tally.bytes(value);
export const readBlock = tallyBlock;

/** A row per event, for what it takes on the disk. */
export async function writeRows(folder: string, events: Events, size: number): Promise<void> {
	const database = open(folder);
	const batches: Uint8Array[][] = [];
	for (let at = 0; at < events.count; at += size) batches.push(events.bytes.slice(at, at + size));
	writeAll(database, numbered(batches), SYNCED);
	await database.close();
}
