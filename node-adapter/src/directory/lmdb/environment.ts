import { join } from "node:path";
import * as lmdb from "lmdb";
import { codeOf } from "../../errors.js";
import { sameBytes } from "../bytes.js";
import { type FileIdentity, standsAt } from "../file-identity.js";
import { DATA_FILE, LOCK_FILE } from "../file-names.js";
import { allDbs, nativeAddon, type RangeOptions, type ReadTransaction, type Store } from "./addon.js";
import { encoder, keyEncoder, plain } from "./codec.js";
import { LatestCommits } from "./data-file.js";
import { type FreePages, freePages } from "./free-pages.js";
import { correctLatestCommit } from "./lock-file.js";
import { openSoundly, optionsFor } from "./opening.js";
import { WayIn } from "./way-in.js";

const READ_ONLY = 0x20000;

/** LMDB's longest key with 4 KiB pages; a longer one must never reach it. */
export const MAX_KEY_BYTES = 1978;
/** Values up to here are read through one fixed buffer, never through a view of the memory map. */
export const MAX_VALUE_BYTES = 16 * 1024 * 1024;
// A transaction that is on the disk when it returns.
const SYNCED = lmdb.TransactionFlags.ABORTABLE | lmdb.TransactionFlags.SYNCHRONOUS_COMMIT;

/** A write transaction that began from an older state than the latest. */
class Outdated extends Error {}
const BEGINNING_TRIES = 50;

/** Where a range begins and ends, and in which order it is read. */
export interface KeyRange {
	readonly start: Uint8Array;
	readonly end: Uint8Array;
	readonly reverse: boolean;
}

/** Bytes of one page, how many pages the file needs to have, and how many of them the tree of rows has: at most all. */
export interface Pages {
	readonly size: number;
	readonly count: number;
	readonly tree?: number;
}

// Of the process, as standard error is.
let remarked = false;

/**
 * Whether LMDB may have written a remark of its own to standard error: it does so where the system refuses a write of a
 * commit, and ends it with no line's end.
 */
export function mayHaveRemarked(): boolean {
	return remarked;
}

/**
 * One opened LMDB environment, all calls synchronous: keys and values are bytes, and each read sees the latest
 * commit of any process. Errors are those of LMDB and of the file system.
 */
export class LmdbEnvironment {
	readonly #store: Store;
	readonly #read: ReadTransaction;
	readonly #reading: { transaction: ReadTransaction };
	readonly #pageBytes: number;
	readonly #commits: LatestCommits;
	readonly #lockFile: string;
	readonly #files: readonly (readonly [path: string, file: FileIdentity | undefined])[];

	/** Opens the environment in a directory, which `through` leads to, making its files where they are missing. */
	constructor(directory: string, through = directory) {
		const way = new WayIn(through);
		try {
			this.#store = opened(way.path);
			this.#files = [DATA_FILE, LOCK_FILE].map((name) => [join(directory, name), way.identityOf(name)]);
			this.#lockFile = join(directory, LOCK_FILE);
			try {
				this.#read = new nativeAddon.Txn((this.#store as unknown as { env: object }).env, READ_ONLY);
				nativeAddon.resetTxn(this.#read.address);
				this.#reading = { transaction: this.#read };
				this.#pageBytes = this.#store.env.stat().pageSize;
				this.#commits = new LatestCommits(join(way.path, DATA_FILE), this.#pageBytes);
			} catch (error) {
				// It waits for nothing, as nothing was written.
				void closed(this.#store);
				throw error;
			}
		} finally {
			way.close();
		}
	}

	/** Whether its files are still those that others open. */
	isPresent(): boolean {
		return this.#files.every(([path, file]) => standsAt(path, file));
	}

	/** Runs reads of one snapshot: the latest there is. The snapshot is let go when they are done. */
	reading<T>(read: () => T): T {
		try {
			return read();
		} finally {
			nativeAddon.resetTxn(this.#read.address);
		}
	}

	/** While reading: takes the snapshot now, not with the first read. */
	snapshot(): void {
		this.#read.renew();
	}

	/** Throws the reason why nothing can be read, if there is one; LMDB hides it in other errors. */
	probe(): void {
		this.reading(() => this.snapshot());
	}

	/** A copy of a value. To be called while reading, or in a write transaction, whose own writes it sees. */
	get(key: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
		const bytes = this.#store.getBinaryFast(key, this.#reading);
		return bytes === undefined ? undefined : plain(bytes).slice(0, this.#store.lastSize);
	}

	/** Whether that is the value of a key; undefined: whether it has none. In the same places. */
	holds(key: Uint8Array, value: Uint8Array | undefined): boolean {
		const bytes = this.#store.getBinaryFast(key, this.#reading);
		return sameBytes(bytes && plain(bytes).subarray(0, this.#store.lastSize), value);
	}

	/**
	 * The pairs of a range; leaving the loop ends it. A value is only valid until the next pair is asked for. To be
	 * called while reading.
	 */
	pairs(range: KeyRange): Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }> {
		return this.#store.getRange(this.#options(range));
	}

	/** The keys of a range; leaving the loop ends it. To be called while reading. */
	keys(range: KeyRange): Iterable<Uint8Array> {
		return this.#store.getKeys(this.#options(range));
	}

	/**
	 * Runs a write transaction, which is given the number its commit will have. What it throws undoes it; a transaction
	 * that wrote nothing is no commit, and costs next to nothing (after an abort LMDB would read its lists of free pages
	 * anew). Other writers, of any process, wait meanwhile.
	 */
	write<T>(change: (commit: number) => T): T {
		for (let tries = 1; ; tries++) {
			try {
				return this.#store.transactionSync(() => change(this.#begun()), SYNCED);
			} catch (error) {
				// What it would have built on is not the latest state: nothing was called yet.
				if (error instanceof Outdated && tries < BEGINNING_TRIES) continue;
				// The codes of LMDB are numbers.
				if (typeof codeOf(error) === "number") remarked = true;
				throw error;
			}
		}
	}

	/** The number that the commit of the write transaction which has begun will have. */
	#begun(): number {
		const commit = this.#store.getWriteTxnId();
		// The package does not look whether LMDB gave it a transaction.
		if (commit === 0) {
			this.probe();
			throw new Error("LMDB began no write transaction");
		}
		if (this.#commits.isNext(commit)) return commit;
		correctLatestCommit(this.#lockFile, commit - 1, this.#commits.last);
		throw new Outdated("LMDB's lock file had an older commit than the data");
	}

	/** Stores a value, in a write transaction. */
	put(key: Uint8Array, value: Uint8Array): void {
		this.#store.put(key, value);
	}

	/** Removes a key, present or not, in a write transaction. */
	remove(key: Uint8Array): void {
		this.#store.remove(key);
	}

	/** Bytes of one page. */
	get pageBytes(): number {
		return this.#pageBytes;
	}

	/** The pages of the file. */
	pages(): Pages {
		const { treeBranchPageCount, treeLeafPageCount } = this.#store.env.stat();
		const count = this.#store.env.info().lastPageNumber + 1;
		return { size: this.#pageBytes, count, tree: treeBranchPageCount + treeLeafPageCount };
	}

	/** The pages that a write transaction may use again. To be called in one that has changed nothing yet. */
	freePages(): FreePages {
		let oldest = this.#commits.last;
		for (const reader of this.#store.env.readerList()) {
			const commit = /^ *\d+ \S+ (\d+)$/m.exec(reader)?.[1];
			if (commit !== undefined) oldest = Math.min(oldest, Number(commit));
		}
		return freePages(this.#commits.handle, this.#pageBytes, oldest);
	}

	/** Frees what readers of killed processes still hold. */
	freeDeadReaders(): void {
		this.#store.readerCheck();
	}

	/** Closes the environment; nothing else may be called after it. */
	async close(): Promise<void> {
		await closed(this.#store);
		this.#commits.close();
	}

	#options(range: KeyRange): RangeOptions {
		// A bound may be longer than any key: what lies before it is what lies up to its longest possible prefix.
		const { start, end } = range;
		const shortStart = start.length > MAX_KEY_BYTES ? start.subarray(0, MAX_KEY_BYTES) : start;
		const shortEnd = end.length > MAX_KEY_BYTES ? end.subarray(0, MAX_KEY_BYTES) : end;
		return range.reverse
			? {
					transaction: this.#read,
					reverse: true,
					start: shortEnd,
					exclusiveStart: shortEnd === end,
					end: shortStart,
					inclusiveEnd: shortStart === start,
				}
			: {
					transaction: this.#read,
					start: shortStart,
					exclusiveStart: shortStart !== start,
					end: shortEnd,
					inclusiveEnd: shortEnd !== end,
				};
	}
}

function opened(path: string): Store {
	// Handles of one process share the environment, and with it the locks.
	const sound = openSoundly(path);
	try {
		const options = { ...optionsFor(path), encoding: "binary", encoder, ...({ keyEncoder } as object) } as const;
		return lmdb.open(options) as unknown as Store;
	} finally {
		sound.close();
	}
}

async function closed(store: Store): Promise<void> {
	// The package keeps every store that was ever opened under the last part of its path.
	for (const [name, one] of allDbs) {
		if (one === store) allDbs.delete(name);
	}
	await store.close();
}
