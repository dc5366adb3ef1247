import { type Entry, json } from "streamkit";

/** What is stored for a note, as JSON. Its place is its segment. */
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

/** The metadata that holds when a note was written down. */
const TIME = "time";

/** What is stored of a note. */
export function encodeNote({ text, seen, written }: Pick<Note, "text" | "seen" | "written">): {
	payload: string;
	metadata: Record<string, string>;
} {
	const stored: Stored = seen === undefined ? { text } : { text, seen };
	// The entry's own timestamp never goes back: after a clock that was once ahead it stays there.
	return { payload: json(stored), metadata: { [TIME]: new Date(written).toISOString() } };
}

/** Reads any entry: a file may bring some that another program wrote. */
export function decodeNote(entry: Entry): Note {
	const stored = parse(entry.text());
	return {
		place: entry.segment,
		number: entry.sequence,
		id: entry.id,
		text: typeof stored.text === "string" ? stored.text : entry.text(),
		written: timeOf(entry.metadata[TIME]) ?? entry.timestamp,
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

/** Milliseconds or ISO 8601; undefined for anything else, and for notes that have none. */
function timeOf(text: string | undefined): number | undefined {
	if (text === undefined) return undefined;
	const time = /^[0-9]+$/.test(text) ? Number(text) : Date.parse(text);
	return isTime(time) ? time : undefined;
}

/** Whether a Date can hold it. */
function isTime(value: unknown): value is number {
	return typeof value === "number" && Math.abs(value) <= 8.64e15;
}
