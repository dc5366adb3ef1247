import { readAll } from "../read-all.js";
import { type Header, latestHeader } from "./data-file.js";

// Of LMDB's pages and nodes, as the package's copy of it has them. Numbers are little-endian.
const LOWER_BEFORE_END = 4;
const FLAGS_BEFORE_END = 6;
const BRANCH = 1;
const NODE_BYTES = 8;
const NODE_FLAGS_AT = 4;
const KEY_BYTES_AT = 6;
/** The value is on pages of its own. */
const ELSEWHERE = 1;
const NUMBER = 8;
const NO_PAGE = 0xffff_ffff_ffff_ffffn;

/** Pages in a data file that commits may use again. */
export interface FreePages {
	readonly count: number;
	/** As many of them are side by side. */
	readonly longest: number;
}

/**
 * The pages of an open data file that the next commit may use again: those that commits before `oldest` let go. To be
 * called in a write transaction that has changed nothing yet. None where the lists of them cannot be read.
 */
export function freePages(handle: number, pageBytes: number, oldest: number): FreePages {
	try {
		const lists = new FreeLists(handle, pageBytes, latestHeader(handle, pageBytes));
		return sizesOf([...lists.all()].flatMap(({ commit, runs }) => (commit < oldest ? runs : [])));
	} catch {
		return { count: 0, longest: 0 };
	}
}

/** Pages side by side. */
interface Run {
	readonly first: number;
	readonly count: number;
}

/** The tree in which each commit has a list of the pages that it let go. */
class FreeLists {
	readonly #handle: number;
	readonly #pageBytes: number;
	readonly #header: Header;

	constructor(handle: number, pageBytes: number, header: Header) {
		this.#handle = handle;
		this.#pageBytes = pageBytes;
		this.#header = header;
	}

	*all(): Generator<{ readonly commit: number; readonly runs: Run[] }> {
		if (this.#header.freeRoot !== NO_PAGE) yield* this.#below(Number(this.#header.freeRoot));
	}

	*#below(number: number): Generator<{ readonly commit: number; readonly runs: Run[] }> {
		const { pageHeaderBytes } = this.#header;
		const page = this.#read(number * this.#pageBytes, this.#pageBytes);
		const isBranch = (page.readUInt16LE(pageHeaderBytes - FLAGS_BEFORE_END) & BRANCH) !== 0;
		// Where nodes stand is counted from the end of the header, and so is how far it goes on with that.
		const nodes = page.subarray(pageHeaderBytes);
		const end = page.readUInt16LE(pageHeaderBytes - LOWER_BEFORE_END);
		for (let at = 0; at < end; at += 2) {
			const node = nodes.subarray(nodes.readUInt16LE(at));
			const low = node.readUInt32LE(0);
			if (isBranch) {
				yield* this.#below(low + node.readUInt16LE(NODE_FLAGS_AT) * 2 ** 32);
				continue;
			}
			if (node.readUInt16LE(KEY_BYTES_AT) !== NUMBER) throw new Error("LMDB's lists of free pages have other keys");
			const value = node.subarray(NODE_BYTES + NUMBER);
			const isElsewhere = (node.readUInt16LE(NODE_FLAGS_AT) & ELSEWHERE) !== 0;
			const place = Number(value.readBigUInt64LE(0)) * this.#pageBytes + pageHeaderBytes;
			const list = isElsewhere ? this.#read(place, low) : value.subarray(0, low);
			yield { commit: Number(node.readBigUInt64LE(NODE_BYTES)), runs: runsOf(list) };
		}
	}

	#read(offset: number, length: number): Buffer {
		const bytes = Buffer.alloc(length);
		if (readAll(this.#handle, bytes, offset) < length) throw new Error("LMDB's list of free pages ends too early");
		return bytes;
	}
}

/** The pages of a list. It has its length first, then their numbers; before one that others follow, how many, below 0. */
function runsOf(list: Buffer): Run[] {
	const end = (Number(list.readBigInt64LE(0)) + 1) * NUMBER;
	if (end > list.length) throw new Error("LMDB's list of free pages has another length");
	const runs: Run[] = [];
	for (let at = NUMBER; at < end; at += NUMBER) {
		const entry = Number(list.readBigInt64LE(at));
		if (entry === 0) continue;
		if (entry < 0) at += NUMBER;
		runs.push({ first: Number(list.readBigInt64LE(at)), count: Math.max(-entry, 1) });
	}
	return runs;
}

/** LMDB joins what is side by side, of whichever lists. */
function sizesOf(runs: Run[]): FreePages {
	let count = 0;
	let longest = 0;
	let length = 0;
	let next: number | undefined;
	for (const run of runs.sort((one, other) => one.first - other.first)) {
		count += run.count;
		length = run.first === next ? length + run.count : run.count;
		next = run.first + run.count;
		longest = Math.max(longest, length);
	}
	return { count, longest };
}
