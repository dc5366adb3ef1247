import { type Entry, json } from "streamkit";

/** What is stored for a note, as JSON. Its place is its segment; when it was written down is the entry's timestamp. */
interface Stored {
	readonly text: string;
	/** When it was seen, where that is not when it was written down. Milliseconds since the epoch. */
	readonly seen?: number;
}

/** A note as the page shows it. */
export interface Note {
	readonly place: string;
	/** Its number at its place. */
	readonly number: number;
	/** Unique in the log, growing in the order in which notes were stored. */
	readonly id: string;
	readonly text: string;
	readonly written: number;
	readonly seen: number | undefined;
	/** Marks what one tab stored in one go. */
	readonly trx: string;
}

export function encodeNote(text: string, seen: number | undefined): string {
	const stored: Stored = seen === undefined ? { text } : { text, seen };
	return json(stored);
}

/** Reads any entry: a file may bring some that another program wrote. */
export function decodeNote(entry: Entry): Note {
	const stored = parse(entry.text());
	return {
		place: entry.segment,
		number: entry.sequence,
		id: entry.id,
		text: typeof stored.text === "string" ? stored.text : entry.text(),
		written: entry.timestamp,
		seen: isTime(stored.seen) ? stored.seen : undefined,
		trx: entry.trx.id,
	};
}

function parse(text: string): Partial<Record<keyof Stored, unknown>> {
	try {
		const value: unknown = JSON.parse(text);
		return typeof value === "object" && value !== null ? value : {};
	} catch {
		return {};
	}
}

/** Whether a Date can hold it. */
function isTime(value: unknown): value is number {
	return typeof value === "number" && Math.abs(value) <= 8.64e15;
}
