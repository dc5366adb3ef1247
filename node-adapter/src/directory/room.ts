import { statSync } from "node:fs";
import { join } from "node:path";
import { DATA_FILE } from "./file-names.js";
import type { Change } from "./journal/format.js";
import { freeBytes } from "./layout.js";
import type { Pages } from "./lmdb/environment.js";
import type { FreePages } from "./lmdb/free-pages.js";

// Pages that a commit rewrites whatever it holds: the paths to the lists of free pages, and those lists.
const BASE_PAGES = 32;
// An operation rewrites its leaf and the pages above it, once for each page however many operations are below it.
const PAGES_PER_OPERATION = 4;
const LEAVES_PER_BRANCH = 4;
// What a row takes besides its key and its value, and how empty the pages may be that rows are split into.
const ROW_BYTES = 32;
const EMPTIEST = 4;
// What a commit lets go is in a list, of no more than so many bytes for each page of the tree, or for each value.
const LISTED_BYTES = 16;
// That it must be possible to delete with so many commits on a full disk: what one lets go is used by the one after next.
const COMMITS = 2;
const DELETES = 128;
// Pages that a row of the journal may touch, and those that so many bytes of rows may fill.
const PAGES_PER_ROW = PAGES_PER_OPERATION + 3;
const MOST_TIMES = 2 * EMPTIEST;
// With less than that left, it is room that a write was cut short for.
const LITTLE_BYTES = 1024 * 1024;

/** The most pages that a commit of so many operations may add to rewrite those of the tree that it touches. */
function pagesTouched(operations: number, { count, tree = count }: Pages): number {
	return Math.min(operations * PAGES_PER_OPERATION, operations + Math.ceil(tree / LEAVES_PER_BRANCH), tree);
}

/** The most pages that a commit may write besides those that every one does: `single`, and `sideBySide` with others. */
interface Work {
	readonly single: number;
	readonly sideBySide: number;
}

function workOf({ puts, deletes }: Change, pages: Pages): Work {
	const { size } = pages;
	const operations = puts.length + deletes.length;
	let large = 0;
	let small = 0;
	let longestKey = 0;
	for (const { key, value } of puts) {
		const bytes = key.length + value.length + ROW_BYTES;
		if (bytes > size / EMPTIEST) large += Math.ceil(bytes / size);
		else small += bytes;
		longestKey = Math.max(longestKey, key.length);
	}
	const touched = pagesTouched(operations, pages);
	const listed = Math.ceil(((operations + touched) * LISTED_BYTES) / size) - 1;
	// A split puts one page beside another, and of a large value its row stays among the small ones.
	const split = Math.ceil((small * EMPTIEST) / size);
	const added = split + 2 * puts.filter((put) => put.value.length > size / EMPTIEST).length;
	// Each page beside another has its key in a page above, which long keys fill.
	const above = Math.floor((Math.min(puts.length, split + large) * (longestKey + ROW_BYTES) * EMPTIEST) / size);
	return { single: touched + Math.max(listed, 0) + added + above, sideBySide: large };
}

/** The most pages that a commit may add to a file of so many, where none can be used again. */
export function pagesFor(change: Change, pages: Pages): number {
	const { single, sideBySide } = workOf(change, pages);
	return BASE_PAGES + single + sideBySide;
}

/** The same where these can be, and so many single pages more are to be left. */
export function pagesBeside(change: Change, pages: Pages, { count, longest }: FreePages, spare = 0): number {
	const { single, sideBySide } = workOf(change, pages);
	// Wherever the others of them are taken from, there is always enough left of so many side by side.
	if (longest >= single + sideBySide + spare) return BASE_PAGES;
	// Of many single ones LMDB does not always find all.
	return BASE_PAGES + sideBySide + Math.max(0, single + spare - Math.floor(count / 2));
}

/** Pages that what deletes needs on a full disk. */
function pagesToDelete(pages: Pages): number {
	return COMMITS * BASE_PAGES + pagesTouched(COMMITS * DELETES, pages);
}

/** A disk, and a database on it, of which `free` answers the pages that can be used again. */
export interface Disk {
	readonly directory: string;
	/** In bytes. */
	readonly largestFile: number;
	readonly pages: Pages;
	readonly free: () => FreePages;
}

/**
 * What is missing for a change to be sure to find room on the disk, as the system would say it; undefined when there is
 * room. It is asked beforehand: where LMDB's own write fails, the package's message about it can be longer than the memory
 * that it is put into, and the process then ends. Of one that `grows` what is stored, room to delete is left.
 */
export function lackingRoom(change: Change, grows: boolean, disk: Disk): LackingRoom | undefined {
	const { directory, largestFile, pages } = disk;
	const spare = grows ? pagesToDelete(pages) : 0;
	const left = largestFile - pages.count * pages.size;
	const free = freeBytes(directory);
	const most = (pagesFor(change, pages) + spare) * pages.size;
	if (most <= Math.min(left, free)) return undefined;
	const needed = pagesBeside(change, pages, disk.free(), spare) * pages.size;
	if (needed > left)
		return new LackingRoom("EFBIG", `its file may have ${largestFile} bytes and would need ${needed} more`);
	return needed > free ? new LackingRoom("ENOSPC", `the commit may need ${needed} bytes, ${free} are free`) : undefined;
}

/** Room that was looked for and is not there, as the system would say it. Nothing was tried. */
export class LackingRoom extends Error {
	readonly code: "ENOSPC" | "EFBIG";

	constructor(code: "ENOSPC" | "EFBIG", message: string) {
		super(message);
		this.code = code;
	}
}

/** What is, or is to be, in the journal. */
export interface Journaled {
	readonly rows: number;
	readonly bytes: number;
}

/** Bytes that a database may need for that, and for what deletes afterwards. */
function bytesFor({ rows, bytes }: Journaled, pages: Pages): number {
	const single = Math.min(rows * PAGES_PER_ROW, rows * 3 + pagesTouched(rows, pages));
	return (BASE_PAGES + single + pagesToDelete(pages)) * pages.size + bytes * MOST_TIMES;
}

/** The most by which another commit may raise that. */
export function mostBytesFor({ rows, bytes }: Journaled, pageBytes: number): number {
	return rows * PAGES_PER_ROW * pageBytes + bytes * MOST_TIMES;
}

/**
 * Bytes that can be written beside the database, when what is in the journal then must find room in it afterwards, and
 * the deletes that make room. Below 0: so many are missing.
 */
export function roomBeside(journaled: Journaled, pages: Pages, directory: string): number {
	return freeBytes(directory) - bytesFor(journaled, pages);
}

/** What is missing for so many bytes to be written beside the database; undefined when there is room. */
export function lackingRoomBeside(bytes: number, journaled: Journaled, disk: Disk): LackingRoom | undefined {
	const room = roomBeside(journaled, disk.pages, disk.directory);
	if (room >= bytes) return undefined;
	return new LackingRoom("ENOSPC", `${bytes} bytes would leave ${bytes - room} less than what deleting may need`);
}

/** Whether a write that was cut short was cut for lack of room. */
export function isFull(directory: string, largestFile: number): boolean {
	try {
		if (freeBytes(directory) < LITTLE_BYTES) return true;
		return statSync(join(directory, DATA_FILE)).size + LITTLE_BYTES > largestFile;
	} catch {
		return false;
	}
}
