import { randomInt } from "node:crypto";
import {
	closeSync,
	constants,
	fdatasync,
	fdatasyncSync,
	fstatSync,
	ftruncateSync,
	openSync,
	readSync,
	writeSync,
} from "node:fs";
import { join } from "node:path";
import { type FileIdentity, standsAt } from "../file-identity.js";
import { JOURNAL_FILE } from "../file-names.js";
import { readAll } from "../read-all.js";
import { placesIn } from "../values/reference.js";
import type { Values } from "../values/values.js";
import {
	type Change,
	changeOf,
	checksumOf,
	decodeHeader,
	decodeRecord,
	encodeHeader,
	encodeRecord,
	HEADER_BYTES,
	type ReadRecord,
} from "./format.js";
import { PendingRows } from "./pending-rows.js";

// What fills the journal at once would be written twice and flushed all the same.
const MAX_RECORD_BYTES = 4 * 1024 * 1024;
// Every process has the rows in memory, and looks through them when it opens the store; through what they refer to, too.
const MAX_JOURNAL_BYTES = 16 * 1024 * 1024;
const MAX_REFERRED_BYTES = 512 * 1024 * 1024;
const MAX_ROWS = 10_000;
// Until then, the system may keep what was written to itself.
const FLUSH_MILLISECONDS = 1000;

/**
 * The journal of a directory: commits that build on one commit of the database, its base, and are not in it yet. When
 * the database has a later commit, that one has taken them over and the journal counts no more.
 *
 * What is said to be called alone is for who keeps all other writers, of any process, out.
 */
export class Journal {
	readonly #path: string;
	readonly #handle: number;
	readonly #identity: FileIdentity;
	readonly #maxBytes: number;
	readonly #values: Values;
	readonly #rows = new PendingRows();
	/** Bytes of the values that rows refer to, or did. */
	#referred = 0;
	/** Files of such values that may not be on the disk, whoever wrote them. */
	readonly #unflushedFiles = new Set<number>();
	/** Whether rows that refer to values were appended here. */
	#hasReferred = false;
	/** Whether what was there when it was opened has been read. */
	#isRead = false;
	/** The commit that the rows build on; undefined when none were read. */
	#base: number | undefined;
	#end = 0;
	#checksum = 0;
	readonly #first = Buffer.allocUnsafe(HEADER_BYTES);
	#timer: NodeJS.Timeout | undefined;
	#isClosed = false;
	#flushing: Promise<void> = Promise.resolve();
	/** Why the rows could not be brought to the disk. */
	#unflushed: unknown;

	/**
	 * Opens the journal in a directory, which `through` leads to, making an empty one if there is none. Its rows may refer to
	 * values that were laid aside. `largestFile` in bytes.
	 */
	constructor(directory: string, values: Values, largestFile: number, through = directory) {
		this.#values = values;
		this.#path = join(directory, JOURNAL_FILE);
		this.#handle = openSync(join(through, JOURNAL_FILE), constants.O_RDWR | constants.O_CREAT, 0o666);
		this.#identity = fstatSync(this.#handle, { bigint: true });
		this.#maxBytes = Math.min(MAX_JOURNAL_BYTES, largestFile);
	}

	/** The rows since the base, as of the last `settle` or `append`. */
	get rows(): PendingRows {
		return this.#rows;
	}

	/** How far it was read: it differs whenever there is a record more on the same base. */
	get position(): number {
		return this.#end;
	}

	/** Whether rows could not be brought to the disk, and no later commit of the database is known that has them. */
	get isUnflushed(): boolean {
		return this.#unflushed !== undefined;
	}

	/** Whether there are rows of this host that refer to values. */
	get hasReferred(): boolean {
		return this.#hasReferred;
	}

	/** Says that the system could not bring to the disk what rows refer to. */
	failToFlush(error: unknown): void {
		if (this.#base !== undefined) this.#unflushed = error;
	}

	/** Whether the file is still the one that others open. */
	isPresent(): boolean {
		return standsAt(this.#path, this.#identity);
	}

	/** Whether there may be rows. If not, the database has everything that was written before this call. */
	maybeRows(): boolean {
		return this.#base !== undefined || readSync(this.#handle, this.#first, 0, HEADER_BYTES, 0) > 0;
	}

	/**
	 * Reads what is in the journal of the latest commit of the database, and drops one of another. To be called alone.
	 */
	settle(base: number): void {
		this.#settle(base);
		this.#isRead = true;
	}

	#settle(base: number): void {
		if (this.#base !== base) {
			this.#forget();
			const length = readSync(this.#handle, this.#first, 0, HEADER_BYTES, 0);
			if (length === 0) return;
			const header = decodeHeader(this.#first.subarray(0, length));
			if (header?.base !== base) {
				ftruncateSync(this.#handle, 0);
				// Of data that was put back or made anew, it would count again once there are as many commits.
				if (header !== undefined && header.base > base) fdatasyncSync(this.#handle);
				return;
			}
			this.#base = base;
			this.#end = HEADER_BYTES;
			this.#checksum = header.checksum;
		}
		const { size } = fstatSync(this.#handle);
		if (size > this.#end) this.#readOn(size - this.#end);
		if (size >= this.#end) return;
		// Who opened the store could not read all of it, and has cut it.
		this.#forget();
		this.#settle(base);
	}

	/**
	 * Adds a commit of so many bytes as a record. It is there for all processes when this returns, and on the disk about a
	 * second later. Answers false when it is to go to the database, with the rows. To be called alone, and settled.
	 */
	append(base: number, change: Change, length: number): boolean {
		// A database without a commit may have been made anew beside a journal of old.
		if (base === 0 || this.#unflushed !== undefined) return false;
		const header = this.#base === undefined ? encodeHeader(base, randomInt(2 ** 32)) : undefined;
		const start = header?.length ?? 0;
		const bytes = start + length;
		if (bytes > MAX_RECORD_BYTES || this.#end + bytes > this.#maxBytes) return false;
		if (this.#rows.size + change.deletes.length + change.puts.length > MAX_ROWS) return false;
		const referred = referredBytes(change);
		if (this.#referred + referred > MAX_REFERRED_BYTES) return false;
		const written = Buffer.allocUnsafe(bytes);
		if (header !== undefined) written.set(header);
		const record = written.subarray(start);
		const checksum = encodeRecord(change, record, header === undefined ? this.#checksum : checksumOf(header));
		this.#write(written);
		this.#apply(changeOf(record));
		this.#hasReferred ||= referred > 0;
		this.#base = base;
		this.#end += bytes;
		this.#checksum = checksum;
		this.#flushSoon();
		return true;
	}

	/** Brings what this host appended to the disk, and closes the file. */
	async close(): Promise<void> {
		const isDue = this.#timer !== undefined;
		this.#isClosed = true;
		clearTimeout(this.#timer);
		await this.#flushing;
		const flush = isDue || this.#unflushedFiles.size > 0;
		try {
			if (flush) {
				// Of a store that was deleted there is nothing to save.
				if (this.isPresent()) this.#values.flushNow(this.#unflushedFiles);
				fdatasyncSync(this.#handle);
			}
			if (this.#unflushed !== undefined) throw this.#unflushed;
		} finally {
			closeSync(this.#handle);
		}
	}

	#readOn(added: number): void {
		const bytes = Buffer.allocUnsafeSlow(added);
		const length = readAll(this.#handle, bytes, this.#end);
		const records: ReadRecord[] = [];
		let at = 0;
		let checksum = this.#checksum;
		for (;;) {
			const record = decodeRecord(bytes.subarray(0, length), at, checksum);
			if (record === undefined || !this.#hasValuesOf(record.change)) break;
			records.push(record);
			checksum = record.checksum;
			at = record.end;
		}
		for (const { change } of records) this.#apply(change);
		this.#checksum = checksum;
		this.#end += at;
		if (at === length) return;
		// Whoever wrote the rest ended before it was whole, or the power went off. If it went off again, what is behind
		// could follow on a record that is written anew.
		ftruncateSync(this.#handle, this.#end);
		fdatasyncSync(this.#handle);
	}

	#apply(change: Change): void {
		this.#rows.apply(change);
		this.#referred += referredBytes(change);
		for (const { file } of placesIn(change)) this.#unflushedFiles.add(file);
	}

	/**
	 * Of a record that was not flushed, power loss may have taken the values alone. What comes after the store was opened
	 * is of the same boot of the system.
	 */
	#hasValuesOf(change: Change): boolean {
		if (this.#isRead) return true;
		for (const place of placesIn(change)) {
			if (this.#values.holds(place)) continue;
			if (this.isPresent()) return false;
			throw Object.assign(new Error(`${this.#path} is another file now`), { code: "ENOENT" });
		}
		return true;
	}

	#write(bytes: Buffer): void {
		try {
			for (let written = 0; written < bytes.length; ) {
				written += writeSync(this.#handle, bytes, written, bytes.length - written, this.#end + written);
			}
		} catch (error) {
			ftruncateSync(this.#handle, this.#end);
			throw error;
		}
	}

	#forget(): void {
		this.#unflushed = undefined;
		this.#rows.clear();
		this.#base = undefined;
		this.#referred = 0;
		this.#hasReferred = false;
		this.#unflushedFiles.clear();
		this.#end = 0;
	}

	#flushSoon(): void {
		if (this.#isClosed) return;
		this.#timer ??= setTimeout(() => {
			this.#timer = undefined;
			// A slow disk may take longer than the time between two flushes; closing waits for all.
			this.#flushing = this.#flushing.then(() => this.#flush());
		}, FLUSH_MILLISECONDS).unref();
	}

	async #flush(): Promise<void> {
		const files = [...this.#unflushedFiles];
		this.#unflushedFiles.clear();
		const [values, records] = await Promise.allSettled([this.#values.flushFiles(files), promised(this.#handle)]);
		// The system tells of it once, and not of which pages: the next commit takes the rows to the database.
		if (values.status === "rejected") this.failToFlush(values.reason);
		if (records.status === "rejected") this.failToFlush(records.reason);
		if (values.status === "rejected" || values.value.length === 0) return;
		for (const file of values.value) this.#unflushedFiles.add(file);
		this.#flushSoon();
	}
}

function promised(handle: number): Promise<void> {
	return new Promise((resolve, reject) => {
		fdatasync(handle, (error) => (error === null ? resolve() : reject(error)));
	});
}

function referredBytes(change: Change): number {
	let bytes = 0;
	for (const { length } of placesIn(change)) bytes += length;
	return bytes;
}
