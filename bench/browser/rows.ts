// What is measured, for both sides of the wire: the process that asks and the page that runs.
//
//   append            produce() of 1,000 records of bytes, each batch awaited, against one readwrite transaction that
//                     puts 1,000 rows of the same bytes; and against one that puts a single row of them, which is
//                     the most that can be reached
//   append, in flight publish() with an expected sequence, 1,000 at any time, over 100 segments, against one readwrite
//                     transaction each that looks for the event before and adds the next; both are answered one by one
//   read              pages() of a segment against getAllRecords of rows, by the count that is faster; and against
//                     those single rows
//   objects           the same events as objects: ours makes JSON of them and parses it again, the others do what they
//                     do with objects; append in batches of 1,000, read all of them at once where they can
// Everything is relaxed. Every run has a page of its own. What is read is touched; what was appended is read back,
// untimed. Sides that would take minutes get fewer events: what they store stays small, which is to their advantage.

import { atLeast, Lines } from "../src/lines.js";
import type { Bar, Line } from "../src/table.js";

/** How many events a side gets, of what was asked for. */
type Share = "all" | "some";

export interface SideRow {
	readonly name: string;
	readonly share: Share;
}

export interface BrowserRow {
	readonly name: string;
	readonly title: string;
	readonly sides: readonly SideRow[];
	/** Ours against the fastest of others. */
	readonly lines: readonly { readonly ours: string; readonly others: readonly string[]; readonly bar?: Bar }[];
}

const all = (name: string): SideRow => ({ name, share: "all" });
const some = (name: string): SideRow => ({ name, share: "some" });

export const rows: readonly BrowserRow[] = [
	{
		name: "append",
		title: "append in batches of 1,000, relaxed",
		sides: [all("ours"), some("a row per event"), all("a row per batch")],
		lines: [
			{ ours: "ours", others: ["a row per event"], bar: atLeast(10) },
			{ ours: "ours", others: ["a row per batch"] },
		],
	},
	{
		name: "in-flight",
		title: "append with expected sequences, 1,000 in flight, 100 segments",
		sides: [some("ours"), some("read-check-put")],
		lines: [{ ours: "ours", others: ["read-check-put"], bar: atLeast(10) }],
	},
	{
		name: "read",
		title: "read a segment, all touched",
		sides: [all("ours"), all("getAllRecords of 1,000"), all("getAllRecords of 10,000"), all("a row per batch")],
		lines: [
			{ ours: "ours", others: ["getAllRecords of 1,000", "getAllRecords of 10,000"], bar: atLeast(4) },
			{ ours: "ours", others: ["a row per batch"] },
		],
	},
	{
		name: "append-objects",
		title: "append objects in batches of 1,000, relaxed",
		sides: [some("ours"), some("dexie, bulkAdd"), some("rxdb, bulkInsert")],
		lines: [
			{ ours: "ours", others: ["dexie, bulkAdd"], bar: atLeast(1) },
			{ ours: "ours", others: ["rxdb, bulkInsert"], bar: atLeast(1) },
		],
	},
	{
		name: "read-objects",
		title: "read all as objects, all touched",
		sides: [some("ours"), some("dexie, toArray"), some("rxdb, find")],
		lines: [
			{ ours: "ours", others: ["dexie, toArray"], bar: atLeast(1) },
			{ ours: "ours", others: ["rxdb, find"], bar: atLeast(1) },
		],
	},
];

/** The lines of a row, from the median of each side. */
export function linesOf(row: BrowserRow, medians: ReadonlyMap<string, number>): Line[] {
	const lines = new Lines(medians);
	for (const { ours, others, bar } of row.lines) {
		const [fastest] = others.toSorted((a, b) => (medians.get(b) ?? 0) - (medians.get(a) ?? 0));
		lines.add(row.title, ours, fastest, bar);
	}
	return lines.all;
}

/** A row without what its numbers should come to: the bars are meant for Chromium. */
export function withoutBars(row: BrowserRow): BrowserRow {
	return { ...row, lines: row.lines.map(({ ours, others }) => ({ ours, others })) };
}
