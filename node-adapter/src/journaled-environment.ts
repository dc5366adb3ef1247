import { sameBytes } from "./bytes.js";
import { type Change, recordBytes } from "./journal/format.js";
import { Journal } from "./journal/journal.js";
import { LargeCommits } from "./journal/large-commits.js";
import { merged, type Pair } from "./journal/merge.js";
import { type KeyRange, LmdbEnvironment, type Pages } from "./lmdb/environment.js";

/**
 * An LMDB environment with a journal before it, all calls synchronous. A commit goes to the database, which flushes it,
 * or to the journal, which does not: the next commit to the database takes along what is there. Either way every
 * process sees it at once. Errors are those of LMDB and of the file system.
 */
export class JournaledEnvironment {
	readonly #environment: LmdbEnvironment;
	readonly #journal: Journal;
	readonly #large = new LargeCommits();
	/** Is told how long the write transaction took. */
	#timing: ((milliseconds: number) => void) | undefined;
	/** The commit of the database that the latest write transaction began from. */
	#base = 0;

	/** Opens what is in a directory, making its files where they are missing. `largestFile` in bytes. */
	constructor(directory: string, largestFile: number) {
		this.#environment = new LmdbEnvironment(directory);
		try {
			// Opening may have set the number of the latest commit back; so this is found out at once.
			this.#environment.write(() => {});
			this.#journal = new Journal(directory, largestFile);
		} catch (error) {
			void this.#environment.close();
			throw error;
		}
	}

	/** Runs reads of one snapshot: the latest there is. The snapshot is let go when they are done. */
	reading<T>(read: () => T): T {
		return this.#environment.reading(() => {
			if (this.#journal.maybeRows()) {
				// The two fit together only while nobody writes: a reader may see a commit before LMDB is done with it.
				this.write(() => this.#environment.snapshot());
			}
			return read();
		});
	}

	/** A copy of a value. To be called while reading, or in a write transaction. */
	get(key: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
		const pending = this.#journal.rows.size === 0 ? undefined : this.#journal.rows.get(key);
		return pending === undefined ? this.#environment.get(key) : pending.value?.slice();
	}

	/** Whether that is the value of a key; undefined: whether it has none. In the same places. */
	holds(key: Uint8Array, value: Uint8Array | undefined): boolean {
		const pending = this.#journal.rows.size === 0 ? undefined : this.#journal.rows.get(key);
		return pending === undefined ? this.#environment.holds(key, value) : sameBytes(pending.value, value);
	}

	/**
	 * The pairs of a range; leaving the loop ends it. A value is only valid until the next pair is asked for. To be
	 * called while reading.
	 */
	pairs(range: KeyRange): Iterable<Pair> {
		const stored = this.#environment.pairs(range);
		return this.#journal.rows.size === 0 ? stored : this.#merged(stored, range);
	}

	/** The keys of a range; leaving the loop ends it. To be called while reading. */
	keys(range: KeyRange): Iterable<Uint8Array> {
		const stored = this.#environment.keys(range);
		return this.#journal.rows.size === 0 ? stored : keysOf(this.#merged(withoutValues(stored), range));
	}

	/**
	 * Runs a write transaction. What it throws undoes what it stored. Other writers, of any process, wait meanwhile.
	 */
	write<T>(run: () => T): T {
		let start = 0;
		const result = this.#environment.write((commit) => {
			start = performance.now();
			this.#timing = undefined;
			this.#base = commit - 1;
			this.#journal.settle(this.#base);
			return run();
		});
		this.#timing?.(performance.now() - start);
		return result;
	}

	/** In a write transaction: writes a change without waiting for the disk. Answers false if it is to be stored. */
	append(change: Change): boolean {
		const bytes = recordBytes(change);
		if (this.#large.wayOf(bytes) === "database" || !this.#journal.append(this.#base, change, bytes)) return false;
		this.#timing = (milliseconds) => this.#large.journaled(bytes, milliseconds);
		return true;
	}

	/** In a write transaction: a change together with all that a commit to the database takes along. */
	whole(change: Change): Change {
		return this.#journal.rows.with(change);
	}

	/** In a write transaction: puts a whole change into the database. It is on the disk when the transaction is done. */
	store(whole: Change): void {
		const { deletes, puts } = whole;
		const [first] = deletes;
		// To LMDB, deletes of what it does not have are no commit: the journal would go on to count.
		if (first !== undefined && puts.length === 0) this.#environment.put(first, NOTHING);
		for (const key of deletes) this.#environment.remove(key);
		for (const { key, value } of puts) this.#environment.put(key, value);
		this.#timing = (milliseconds) => this.#large.stored(recordBytes(whole), milliseconds);
	}

	/** In a write transaction: names the state that it began from, or that it has appended to. */
	version(): string {
		return versionOf(this.#base, this.#journal.position);
	}

	/** In a write transaction: names the state that it leaves behind if it has stored something. */
	nextVersion(): string {
		return versionOf(this.#base + 1, 0);
	}

	/** Throws the reason why nothing can be read, if there is one; LMDB hides it in other errors. */
	probe(): void {
		this.#environment.probe();
	}

	/** Whether the journal is still the one that others open. */
	hasJournal(): boolean {
		return this.#journal.isPresent();
	}

	/** Bytes of one page, and how many pages the file needs to have. */
	pages(): Pages {
		return this.#environment.pages();
	}

	/** Frees what readers of killed processes still hold. */
	freeDeadReaders(): void {
		this.#environment.freeDeadReaders();
	}

	/** Brings what was appended to the disk and closes everything; nothing else may be called after it. */
	async close(): Promise<void> {
		try {
			// A commit to the database may have taken the rows along since.
			if (this.#journal.isUnflushed) this.write(() => {});
		} finally {
			await this.#closeFiles();
		}
	}

	async #closeFiles(): Promise<void> {
		try {
			await this.#journal.close();
		} finally {
			await this.#environment.close();
		}
	}

	#merged(stored: Iterable<Pair>, { start, end, reverse }: KeyRange): Iterable<Pair> {
		return merged(stored, this.#journal.rows.range(start, end, reverse), reverse);
	}
}

function versionOf(commit: number, position: number): string {
	return `${commit}.${position}`;
}

const NOTHING = new Uint8Array(0);

function* withoutValues(keys: Iterable<Uint8Array>): Generator<Pair> {
	for (const key of keys) yield { key, value: NOTHING };
}

function* keysOf(pairs: Iterable<Pair>): Generator<Uint8Array> {
	for (const { key } of pairs) yield key;
}
