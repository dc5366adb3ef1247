import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { damaged } from "../../errors.js";
import { pause } from "./pause.js";

// Where LMDB refuses to open a file, the package may end the process, and damaged sizes may do so as well: whatever it
// would refuse is refused here.
const LMDB_MAGIC = 0xbeefc0de;
const LMDB_MAGIC_OFFSETS = [16, 24];
const LMDB_VERSION = 2;
const HEADER_FLAG = 8;
// From the magic number on.
const FLAGS_AT = -6;
const VERSION_AT = 4;
const PAGE_BYTES_AT = 24;
const LAST_PAGE_AT = 120;
const COMMIT_AT = 128;
const FREE_ROOT_AT = 64;
const META_BYTES = 24 + 136;
const LEAST_PAGE_BYTES = 256;
const MOST_PAGE_BYTES = 65_536;
const CREATION_TRIES = 50;
const CREATION_PAUSE_MILLISECONDS = 2;
/** More than a process can map. */
const MOST_BYTES = 2 ** 47;

/** @throws CORRUPT when a data file does not begin as one. */
export function requireHeader(dataFile: string): void {
	const handle = openSync(dataFile, "r");
	try {
		if (fstatSync(handle).size === 0) return;
		// There are two headers, a page apart; the first says how long a page is.
		const bytes = pageBytesOf(handle, 0);
		// Whoever makes the file writes both at once, which others may see half done.
		for (let tries = 0; bytes !== undefined && fstatSync(handle).size < 2 * bytes && tries < CREATION_TRIES; tries++) {
			pause(CREATION_PAUSE_MILLISECONDS);
		}
		if (bytes !== undefined && pageBytesOf(handle, bytes) === bytes) return;
	} finally {
		closeSync(handle);
	}
	throw damaged(dataFile, "does not begin as an LMDB file does; it was left untouched");
}

/** What the latest header says. */
export interface Header {
	/** The page that the tree of free pages begins at; all bits are set when there is none. */
	readonly freeRoot: bigint;
	/** How much of a page is its own header. */
	readonly pageHeaderBytes: number;
}

/** Reads the header of the latest commit. To be called while nobody commits. */
export function latestHeader(handle: number, pageBytes: number): Header {
	const headers = [0, pageBytes].map((offset) => {
		const header = new DataView(new ArrayBuffer(META_BYTES));
		readSync(handle, header, 0, META_BYTES, offset);
		const at = magicOf(header) ?? 0;
		const commit = header.getBigUint64(at + COMMIT_AT, true);
		return { commit, freeRoot: header.getBigUint64(at + FREE_ROOT_AT, true), pageHeaderBytes: at };
	});
	return headers.reduce((one, other) => (other.commit > one.commit ? other : one));
}

/** Whether anything was ever stored in a data file, or it is none that LMDB has just made. */
export function hasCommits(dataFile: string): boolean {
	requireHeader(dataFile);
	if (statSync(dataFile).size === 0) return false;
	const handle = openSync(dataFile, "r");
	let pageBytes: number | undefined;
	try {
		pageBytes = pageBytesOf(handle, 0);
	} finally {
		closeSync(handle);
	}
	if (pageBytes === undefined) return true;
	const commits = new LatestCommits(dataFile, pageBytes);
	try {
		return commits.last > 0;
	} finally {
		commits.close();
	}
}

/** Where the magic number stands in a header. */
function magicOf(header: DataView): number | undefined {
	return LMDB_MAGIC_OFFSETS.find((offset) => header.getUint32(offset, true) === LMDB_MAGIC);
}

/** Bytes of a page by the header at an offset; undefined when it is none that can be used. */
function pageBytesOf(handle: number, offset: number): number | undefined {
	const header = new DataView(new ArrayBuffer(META_BYTES));
	if (readSync(handle, header, 0, META_BYTES, offset) < META_BYTES) return undefined;
	const at = magicOf(header);
	if (at === undefined || header.getUint16(at + VERSION_AT, true) !== LMDB_VERSION) return undefined;
	if ((header.getUint16(at + FLAGS_AT, true) & HEADER_FLAG) === 0) return undefined;
	const bytes = header.getUint32(at + PAGE_BYTES_AT, true);
	const sound = bytes >= LEAST_PAGE_BYTES && bytes <= MOST_PAGE_BYTES && (bytes & (bytes - 1)) === 0;
	return sound && Number(header.getBigUint64(at + LAST_PAGE_AT, true)) * bytes < MOST_BYTES ? bytes : undefined;
}

/** The numbers of the last two commits, by the headers of an open data file. To be asked while nobody commits. */
export class LatestCommits {
	/** Of the data file. */
	readonly handle: number;
	/** Where they stand: commits take turns in two headers. */
	readonly #places: readonly [even: number, odd: number];
	readonly #bytes = new DataView(new ArrayBuffer(8));

	constructor(dataFile: string, pageBytes: number) {
		this.handle = openSync(dataFile, "r");
		const header = new DataView(new ArrayBuffer(META_BYTES));
		readSync(this.handle, header, 0, META_BYTES, 0);
		const magic = magicOf(header) ?? 0;
		this.#places = [magic + COMMIT_AT, magic + COMMIT_AT + pageBytes];
	}

	/** Whether that would be the next commit. The one of that number, or one after it, stands where it would go. */
	isNext(commit: number): boolean {
		return this.#read(commit % 2) < commit;
	}

	get last(): number {
		return Math.max(this.#read(0), this.#read(1));
	}

	close(): void {
		closeSync(this.handle);
	}

	#read(turn: number): number {
		readSync(this.handle, this.#bytes, 0, 8, this.#places[turn === 0 ? 0 : 1]);
		return Number(this.#bytes.getBigUint64(0, true));
	}
}
