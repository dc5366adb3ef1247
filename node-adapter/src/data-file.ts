import { closeSync, ftruncateSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { StreamkitError } from "streamkit";
import { DATA_FILE, freeBytes } from "./directory-layout.js";
import type { JournaledEnvironment } from "./journaled-environment.js";

// LMDB's own check of a damaged header leaves its environment half open.
const LMDB_MAGIC = 0xbeefc0de;
const LMDB_MAGIC_OFFSETS = [16, 24];

/** @throws CORRUPT when a data file does not begin as one. */
export function requireHeader(dataFile: string): void {
	const header = new Uint8Array(4096);
	const handle = openSync(dataFile, "r");
	let length: number;
	try {
		length = readSync(handle, header, 0, header.length, 0);
	} finally {
		closeSync(handle);
	}
	if (length === 0) return;
	const view = new DataView(header.buffer);
	if (length === header.length && LMDB_MAGIC_OFFSETS.some((at) => view.getUint32(at, true) === LMDB_MAGIC)) return;
	throw new StreamkitError("CORRUPT", `${dataFile} does not begin as an LMDB file does; it was left untouched`, {
		details: { key: dataFile },
	});
}

/** Reading a mapped page beyond the end of the file would kill the process; a page of zeros is an error. */
export function restoreLength(dataFile: string, environment: JournaledEnvironment): void {
	const { size, count } = environment.pages();
	if (statSync(dataFile).size >= size * count) return;
	environment.write(() => {
		const pages = environment.pages();
		const handle = openSync(dataFile, "r+");
		try {
			if (statSync(dataFile).size < pages.size * pages.count) ftruncateSync(handle, pages.size * pages.count);
		} finally {
			closeSync(handle);
		}
	});
}

/** Whether a write that was cut short was cut for lack of room. */
export function isFull(directory: string, largestFile: number): boolean {
	try {
		if (freeBytes(directory) < 1024 * 1024) return true;
		return statSync(join(directory, DATA_FILE)).size + 1024 * 1024 > largestFile;
	} catch {
		return false;
	}
}
