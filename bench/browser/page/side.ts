import { batches as cut, EVENT_BYTES, type EventObject, eventText } from "../../src/data.js";
import { Tally } from "../../src/tally.js";

/** One competitor of a row. It throws unless all was stored or read. */
export interface Side {
	/** Before all rounds, untimed: what reading needs. */
	prepare?(database: string, count: number): Promise<void>;
	/** One round; the milliseconds of what is measured. */
	run(database: string, count: number): Promise<number>;
	/** After all rounds. */
	remove?(database: string): Promise<void>;
}

export const BATCH = 1000;

/** The events as UTF-8, all in one buffer. */
export function eventBytes(count: number): Uint8Array<ArrayBuffer>[] {
	const memory = new Uint8Array(count * EVENT_BYTES);
	const encoder = new TextEncoder();
	return Array.from({ length: count }, (_, index) => {
		const bytes = memory.subarray(index * EVENT_BYTES, (index + 1) * EVENT_BYTES);
		const { written } = encoder.encodeInto(eventText(index), bytes);
		if (written !== EVENT_BYTES) throw new Error(`event ${index} has ${written} bytes`);
		return bytes;
	});
}

/** The events parsed. */
export function eventObjects(count: number): EventObject[] {
	return Array.from({ length: count }, (_, index) => JSON.parse(eventText(index)) as EventObject);
}

/** Cuts a list into batches. */
export const batches = <T>(list: readonly T[]): T[][] => cut(list, BATCH);

/** What reading the first `count` events as bytes must give. */
export function expectedBytes(count: number): Tally {
	const tally = new Tally();
	for (const bytes of eventBytes(count)) tally.bytes(bytes);
	return tally;
}

/** What reading the first `count` events as objects must give. */
export function expectedObjects(count: number): Tally {
	const tally = new Tally();
	for (let index = 0; index < count; index++) tally.object(JSON.parse(eventText(index)) as EventObject);
	return tally;
}

/** Removes a database. */
export function removeDatabase(database: string): Promise<void> {
	return new Promise((resolve, reject) => {
		const request = indexedDB.deleteDatabase(database);
		request.onsuccess = () => resolve();
		request.onerror = () => reject(request.error);
	});
}
