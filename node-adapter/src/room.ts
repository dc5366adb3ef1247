import { statSync } from "node:fs";
import { join } from "node:path";
import { freeBytes } from "./directory-layout.js";
import { DATA_FILE } from "./file-names.js";
import type { Change } from "./journal/format.js";
import type { Pages } from "./lmdb/environment.js";

// Pages that a commit rewrites whatever it holds: the paths to the lists of free pages, and those lists.
const BASE_PAGES = 32;
// An operation rewrites its leaf and the pages above it, once for each page however many operations are below it.
const PAGES_PER_OPERATION = 4;
const LEAVES_PER_BRANCH = 4;
// What a row takes besides its key and its value, and how empty the pages may be that rows are split into.
const ROW_BYTES = 32;
const EMPTIEST = 4;
// That it must be possible to delete at once on a full disk.
const DELETES = 1000;
// With less than that left, it is room that a write was cut short for.
const LITTLE_BYTES = 1024 * 1024;

/** The most pages that a commit of so many operations may add to rewrite those that it touches. */
function pagesTouched(operations: number, count: number): number {
	return Math.min(operations * PAGES_PER_OPERATION, operations + Math.ceil(count / LEAVES_PER_BRANCH), count);
}

/** The most pages that a commit may add to a file of so many. */
export function pagesFor({ puts, deletes }: Change, { size, count }: Pages): number {
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
	const touched = pagesTouched(operations, count);
	// A split puts one page beside another, and of a large value its row stays among the small ones.
	const split = Math.ceil((small * EMPTIEST) / size);
	const added = split + 2 * puts.filter((put) => put.value.length > size / EMPTIEST).length;
	// Each page beside another has its key in a page above, which long keys fill.
	const above = Math.floor((Math.min(puts.length, split + large) * (longestKey + ROW_BYTES) * EMPTIEST) / size);
	return BASE_PAGES + touched + large + added + above;
}

/**
 * What is missing for a change to be sure to find room on the disk, as the system would say it; undefined when there is
 * room. It is asked beforehand: where LMDB's own write fails, the package's message about it can be longer than the memory
 * that it is put into, and the process then ends. `largestFile` in bytes.
 */
export function lackingRoom(change: Change, pages: Pages, directory: string, largestFile: number): Error | undefined {
	const needed = pagesFor(change, pages) * pages.size;
	const length = pages.count * pages.size + needed;
	if (length > largestFile) return lacking("EFBIG", `its file may have ${largestFile} bytes and would need ${length}`);
	const free = freeBytes(directory);
	return free < needed ? lacking("ENOSPC", `the commit may need ${needed} bytes, ${free} are free`) : undefined;
}

function lacking(code: string, message: string): Error {
	return Object.assign(new Error(message), { code });
}

/**
 * What is missing for so many bytes to be written beside the database: so many rows of the journal must find room in it
 * afterwards, and the deletes that make room.
 */
export function lackingRoomBeside(bytes: number, rows: number, pages: Pages, directory: string): Error | undefined {
	const { size, count } = pages;
	const left = (BASE_PAGES + pagesTouched(rows + DELETES, count) + rows * (1 + EMPTIEST)) * size;
	const free = freeBytes(directory);
	if (free - bytes >= left) return undefined;
	return lacking("ENOSPC", `${bytes} bytes would leave less than ${left} of ${free}, which deleting may need`);
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
