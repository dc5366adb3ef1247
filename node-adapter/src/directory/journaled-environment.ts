import { existsSync } from "node:fs";
import { join } from "node:path";
import { isStreamkitError } from "streamkit";
import { gone, noRoom } from "../errors.js";
import { copyOf, sameBytes } from "./bytes.js";
import { JOURNAL_FILE } from "./file-names.js";
import { type Change, type Put, recordBytes } from "./journal/format.js";
import { Journal } from "./journal/journal.js";
import { merged, type Pair } from "./journal/merge.js";
import { syncData } from "./layout.js";
import { type KeyRange, LmdbEnvironment, type Pages } from "./lmdb/environment.js";
import {
	type Disk,
	type Journaled,
	type LackingRoom,
	lackingRoom,
	lackingRoomBeside,
	mostBytesFor,
	roomBeside,
} from "./room.js";
import { NotFlushed } from "./values/flush.js";
import { isStoredAsItIs, placeOf, valueIn, withRow } from "./values/reference.js";
import { Sweeper } from "./values/sweeper.js";
import { LARGE_VALUE_BYTES } from "./values/value-file.js";
import { Values } from "./values/values.js";

// Large enough that few are open to read much, and small enough that what is deleted soon leaves one unused.
const VALUE_FILE_BYTES = 64 * 1024 * 1024;
// Of a file that is full of unused values, those that are used mostly fit in so much.
const ROOM_TO_MOVE = 4 * 1024 * 1024;
// What a change may add to rows that are there, and still be none that stores more: numbers in them get longer.
const LONGER_BYTES = 64;
// How long what room there was is relied on, while this process takes less of it.
const ROOM_MILLISECONDS = 50;

/**
 * An LMDB environment with a journal before it and files of large values beside it, all calls synchronous. A commit goes
 * to the database, which flushes it, or to the journal, which does not: the next commit to the database takes along what
 * is there. Either way every process sees it at once. Errors are those of LMDB and of the file system.
 */
export class JournaledEnvironment {
	readonly #directory: string;
	readonly #largestFile: number;
	readonly #environment: LmdbEnvironment;
	readonly #values: Values;
	readonly #journal: Journal;
	/** The commit of the database that the latest write transaction began from. */
	#base = 0;
	readonly #sweeper: Sweeper;
	/** Bytes for the journal and what becomes of it, since there was last looked for room. */
	#room = 0;
	#roomAt = Number.NEGATIVE_INFINITY;

	/**
	 * Opens what is in a directory, which `through` leads to, making its files where they are missing. `largestFile` and
	 * `valueFile` in bytes.
	 */
	constructor(directory: string, largestFile: number, valueFile = VALUE_FILE_BYTES, through = directory) {
		this.#directory = directory;
		this.#largestFile = largestFile;
		this.#environment = new LmdbEnvironment(directory, through);
		try {
			// Opening may have set the number of the latest commit back; so this is found out at once.
			this.#environment.write(() => {});
			this.#values = new Values(directory, largestFile, valueFile);
			if (!existsSync(join(through, JOURNAL_FILE))) syncData(through);
			this.#journal = new Journal(directory, this.#values, largestFile, through);
			this.#sweeper = new Sweeper(
				this.#values,
				{
					write: (run) => this.#writeInPlace(run),
					holds: (key, row) => this.#holdsRow(key, row),
					fits: (bytes, count) => this.#lackingRoomFor(bytes, count) === undefined,
					put: (puts) => this.#putAnew(puts),
					settle: () => this.#settle(),
				},
				valueFile,
			);
		} catch (error) {
			void this.#environment.close();
			throw error;
		}
	}

	/** Runs reads of one snapshot: the latest there is. The snapshot is let go when they are done. They may run again. */
	reading<T>(read: () => T): T {
		try {
			return this.#environment.reading(() => {
				// The two fit together only while nobody writes: a reader may see a commit before LMDB is done with it.
				if (this.#journal.maybeRows()) this.write(() => this.#environment.snapshot());
				return read();
			});
		} catch (error) {
			if (!isStreamkitError(error, "CORRUPT")) throw error;
			return this.#readingAlone(read);
		}
	}

	/** The same while nobody writes. A file may be removed as soon as no row refers to it, whoever reads older rows. */
	#readingAlone<T>(read: () => T): T {
		return this.#environment.reading(() =>
			this.write(() => {
				this.#environment.snapshot();
				return read();
			}),
		);
	}

	/** A copy of a value. To be called while reading, or in a write transaction. */
	get(key: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
		const pending = this.#journal.rows.size === 0 ? undefined : this.#journal.rows.get(key);
		if (pending !== undefined) return pending.value && this.valueOf(pending.value);
		const row = this.#environment.get(key);
		return row === undefined || isStoredAsItIs(row) ? row : this.valueOf(row);
	}

	/** Whether that is the value of a key; undefined: whether it has none. In the same places. */
	holds(key: Uint8Array, value: Uint8Array | undefined): boolean {
		// Small values are the very rows, and no other row is one of them.
		if (value === undefined || (value.length < LARGE_VALUE_BYTES && isStoredAsItIs(value))) {
			return this.#holdsRow(key, value);
		}
		return sameBytes(this.get(key), value);
	}

	#holdsRow(key: Uint8Array, row: Uint8Array | undefined): boolean {
		const pending = this.#journal.rows.size === 0 ? undefined : this.#journal.rows.get(key);
		return pending === undefined ? this.#environment.holds(key, row) : sameBytes(pending.value, row);
	}

	/** How long the value of a row is. */
	lengthOf(row: Uint8Array): number {
		return placeOf(row)?.length ?? valueIn(row).length;
	}

	/** A copy of the value of a row. To be called while its range is read. */
	valueOf(row: Uint8Array): Uint8Array<ArrayBuffer> {
		const place = placeOf(row);
		return place === undefined ? copyOf(valueIn(row)) : this.#values.read(place);
	}

	/**
	 * The rows of a range, with what tells their values; leaving the loop ends it. What a row holds is only valid until the
	 * next one is asked for. To be called while reading.
	 */
	rows(range: KeyRange): Iterable<Pair> {
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
		try {
			return this.#environment.write((commit) => {
				this.#base = commit - 1;
				this.#journal.settle(this.#base);
				try {
					return run();
				} catch (error) {
					this.#values.takeBack();
					throw error;
				}
			});
		} finally {
			this.#values.keep();
		}
	}

	/**
	 * In a write transaction: writes a change. It is on the disk when the transaction is done, unless it is `relaxed`.
	 * Answers the name of the state that it leaves behind.
	 */
	apply({ deletes, puts }: Change, relaxed: boolean): string {
		const laidAside = relaxed ? this.#layAside({ deletes, puts }) : undefined;
		const change = { deletes, puts: laidAside ?? puts.map(withRow) };
		if (deletes.length > 0) this.#sweeper.sayDeleted();
		if (laidAside !== undefined && this.#append(change)) return this.version();
		this.#store(change);
		return versionOf(this.#base + 1, 0);
	}

	/** In a write transaction: names the state that it began from, or that it has appended to. */
	version(): string {
		return versionOf(this.#base, this.#journal.position);
	}

	/** Throws the reason why nothing can be read, if there is one; LMDB hides it in other errors. */
	probe(): void {
		this.#environment.probe();
	}

	/** Whether its files are still those that others open. */
	isPresent(): boolean {
		return this.#environment.isPresent() && this.#journal.isPresent();
	}

	/** What removes files of values that are used no more. */
	get sweeper(): Sweeper {
		return this.#sweeper;
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
			else if (this.#journal.hasReferred && this.#journal.isPresent()) this.#trySettle();
		} finally {
			await this.#closeFiles();
		}
	}

	/** Who opens the store next need not compare all values that the journal refers to. */
	#trySettle(): void {
		try {
			this.#settle();
		} catch (error) {
			// What is in the journal is there all the same.
			if (this.#journal.isUnflushed) throw error;
		}
	}

	async #closeFiles(): Promise<void> {
		try {
			await this.#journal.close();
		} finally {
			this.#values.files.close();
			await this.#environment.close();
		}
	}

	/** In a write transaction: the rows of a change with large values laid aside; undefined where they are to be stored. */
	#layAside(change: Change): Put[] | undefined {
		if (!this.#mayRefer()) return undefined;
		// While there is little room left, what was deleted is looked for first: with none at all, nothing could be moved.
		const spare = this.#sweeper.hasDeleted ? ROOM_TO_MOVE : 0;
		const lacking = this.#lackingRoomBeside(change, spare);
		if (lacking !== undefined) throw noRoom(this.#directory, lacking);
		return this.#values.layAside(change.puts);
	}

	/** A new directory has no commit that the journal could follow; and what was not flushed is better not referred to. */
	#mayRefer(): boolean {
		return this.#base !== 0 && !this.#journal.isUnflushed;
	}

	/** In a write transaction: what is missing for the large values of a change, `spare` bytes, and deletes after it. */
	#lackingRoomBeside({ deletes, puts }: Change, spare: number): LackingRoom | undefined {
		const bytes = this.#values.bytesBeside(puts);
		return bytes === 0 ? undefined : this.#lackingRoomFor(bytes + spare, deletes.length + puts.length);
	}

	/** The same for so many bytes of values, and a change of so many rows. */
	#lackingRoomFor(bytes: number, count: number): LackingRoom | undefined {
		return lackingRoomBeside(bytes, this.#journaledWith(count, 0), this.#disk());
	}

	/** In a write transaction: adds rows to the journal. False when they are to be stored. */
	#append(change: Change): boolean {
		const bytes = recordBytes(change);
		return this.#hasRoomFor(bytes, change) && this.#journal.append(this.#base, change, bytes);
	}

	/** Whether a record finds room, and its rows in the database then. Looking takes as long as writing one. */
	#hasRoomFor(bytes: number, { deletes, puts }: Change): boolean {
		const now = performance.now();
		const rows = deletes.length + puts.length;
		this.#room -= bytes + mostBytesFor({ rows, bytes }, this.#environment.pageBytes);
		if (this.#room >= 0 && now - this.#roomAt < ROOM_MILLISECONDS) return true;
		this.#room = roomBeside(this.#journaledWith(rows, bytes), this.#environment.pages(), this.#directory) - bytes;
		this.#roomAt = now;
		return this.#room >= 0;
	}

	#journaledWith(rows: number, bytes: number): Journaled {
		return { rows: this.#journal.rows.size + rows, bytes: this.#journal.position + bytes };
	}

	#disk(): Disk {
		return {
			directory: this.#directory,
			largestFile: this.#largestFile,
			pages: this.#environment.pages(),
			free: () => this.#environment.freePages(),
		};
	}

	/** In a write transaction: puts rows into the database, with those of the journal. */
	#store(change: Change): void {
		let whole = this.#journal.rows.with(change);
		if (this.#journal.isUnflushed) whole = this.#laidAnew(whole);
		this.#requireRoom(whole, change);
		this.#sync(whole);
		const { deletes, puts } = whole;
		const [first] = deletes;
		// To LMDB, deletes of what it does not have are no commit: the journal would go on to count.
		if (first !== undefined && puts.length === 0) this.#environment.put(first, NOTHING);
		for (const key of deletes) this.#environment.remove(key);
		for (const { key, value } of puts) this.#environment.put(key, value);
	}

	/** That a change finds room in the database with the rows of the journal. What is there of these was let in before. */
	#requireRoom(whole: Change, change: Change): void {
		const disk = this.#disk();
		let lacking = lackingRoom(whole, true, disk);
		if (lacking !== undefined && !this.#grows(change)) lacking = lackingRoom(whole, false, disk);
		if (lacking !== undefined) throw noRoom(this.#directory, lacking);
	}

	/** Whether a change adds to what is stored. What trims and deletes does not, and must be possible on a full disk. */
	#grows({ deletes, puts }: Change): boolean {
		let longer = -LONGER_BYTES;
		for (const key of deletes) longer -= this.#lengthOfRow(key) ?? 0;
		for (const { key, value } of puts) {
			const before = this.#lengthOfRow(key);
			if (before === undefined && deletes.length === 0) return true;
			longer += key.length + value.length - (before ?? 0);
		}
		return longer > 0;
	}

	/** Bytes of a key and its row; undefined when there is none. */
	#lengthOfRow(key: Uint8Array): number | undefined {
		const pending = this.#journal.rows.get(key);
		const row = pending === undefined ? this.#environment.get(key) : pending.value;
		return row && key.length + row.length;
	}

	/** Brings the values that rows refer to to the disk. */
	#sync(change: Change): void {
		try {
			this.#values.sync(change);
		} catch (error) {
			// The system may not tell it again.
			if (error instanceof NotFlushed) this.#journal.failToFlush(error);
			throw error;
		}
	}

	/** Values that may not have reached the disk are written to another file, or given to the database. */
	#laidAnew({ deletes, puts }: Change): Change {
		this.#values.leaveFile();
		const rows = puts.flatMap((put) => {
			const place = placeOf(put.value);
			if (place === undefined) return [put];
			const whole = { key: put.key, value: this.#values.readWhole(place) };
			return this.#values.layAside([whole]) ?? [withRow(whole)];
		});
		return { deletes, puts: rows };
	}

	/** Brings all that is in the journal to the database. */
	#settle(): void {
		this.write(() => {
			if (this.#journal.rows.size > 0) this.#store({ deletes: [], puts: [] });
		});
	}

	/** A write transaction that goes by paths: these must lead to this very store. */
	#writeInPlace<T>(run: () => T): T {
		return this.write(() => {
			if (!this.#journal.isPresent()) throw gone(this.#directory, false);
			return run();
		});
	}

	/** In a write transaction: puts values that rows refer to in files that are to be removed. */
	#putAnew(puts: readonly Put[]): boolean {
		if (!this.#mayRefer() || this.#lackingRoomBeside({ deletes: [], puts }, 0) !== undefined) return false;
		const rows = this.#values.layAside(puts);
		if (rows === undefined) return false;
		const change = { deletes: [], puts: rows };
		if (!this.#append(change)) this.#store(change);
		return true;
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
