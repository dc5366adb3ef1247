import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, readSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import {
	type Health,
	type HostBatch,
	type HostCommit,
	type HostKv,
	type HostLimits,
	type ScanPage,
	type ScanRange,
	StreamkitError,
} from "streamkit";
import { DATA_FILE, freeBytes, prepareDirectory, syncDirectory, usedBytes } from "./directory-layout.js";
import { type Applied, closed, failure, gone, isInputOutput, isInvalidCall, noRoom, tooLarge } from "./errors.js";
import { type KeyRange, LmdbEnvironment, MAX_KEY_BYTES, MAX_VALUE_BYTES } from "./lmdb-environment.js";
import { Room } from "./room.js";
import { Turns } from "./turns.js";
import { WakeFile } from "./watch.js";

type Bytes = Uint8Array<ArrayBuffer>;

/** What this host can take and promises; see docs/durability.md for what was measured. */
export const DIRECTORY_LIMITS: HostLimits = Object.freeze({
	maxKeyBytes: MAX_KEY_BYTES,
	maxValueBytes: MAX_VALUE_BYTES,
	maxBatchOps: 100_000,
	maxBatchBytes: 64 * 1024 * 1024,
	// 25 pages of 4096 bytes, less the header that LMDB puts before a value of its own pages.
	blockBytes: 25 * 4096 - 24,
	atomic: "store",
	checks: true,
	consistent: true,
	shared: true,
	compress: false,
});

// How often, at most, it is looked whether the directory is still the one that was opened.
const PRESENCE_MILLISECONDS = 50;
// Readers of killed processes keep pages from being reused.
const DEAD_READERS_MILLISECONDS = 30_000;

/** A store's host on one LMDB environment in one directory. Reads answer without a promise, and so do most commits. */
export class DirectoryHost implements HostKv {
	readonly name = "directory";
	readonly limits = DIRECTORY_LIMITS;
	readonly #path: string;
	readonly #environment: LmdbEnvironment;
	readonly #wake: WakeFile;
	readonly #room: Room;
	readonly #turns = new Turns();
	/** Who watches through this very host: to them, its own commits are another's. */
	readonly #watchers = new Set<() => void>();
	#unlisten: () => void = () => {};
	#telling = false;
	readonly #identity: string;
	#presentAt = performance.now();
	#readersAt = performance.now();
	/** The latest commit known to be this host's, with none of others before it that was not told of. */
	#seen: number;
	#closing: Promise<void> | undefined;

	/** Opens a directory, creating it if it is missing. All errors are StreamkitErrors. */
	constructor(path: string) {
		const directory = prepareDirectory(path, "store");
		this.#path = directory;
		let environment: LmdbEnvironment | undefined;
		try {
			const dataFile = join(directory, DATA_FILE);
			const isNew = !existsSync(dataFile);
			if (!isNew) requireHeader(dataFile);
			environment = new LmdbEnvironment(directory);
			if (isNew) syncDirectory(directory);
			restoreLength(dataFile, environment);
			this.#environment = environment;
			this.#seen = environment.lastCommit();
		} catch (error) {
			void environment?.close();
			throw failure(error, directory, false, "opening");
		}
		this.#room = new Room(directory);
		this.#wake = new WakeFile(directory);
		this.#identity = identityOf(directory) ?? "";
	}

	get(keys: readonly Bytes[]): readonly (Bytes | undefined)[] {
		this.#requireUsable();
		for (const key of keys) requireKey(key);
		const environment = this.#environment;
		try {
			return environment.reading(() => keys.map((key) => environment.get(key)));
		} catch (error) {
			throw this.#failure(error, false, "reading");
		}
	}

	scan(range: ScanRange): ScanPage {
		this.#requireUsable();
		if (range.limit < 1 || Buffer.compare(range.start, range.end) >= 0) return { keys: [], values: [], more: false };
		const bounds: KeyRange = { start: range.start, end: range.end, reverse: range.reverse === true };
		const scan = range.keysOnly === true ? scanKeys : scanPairs;
		try {
			return this.#environment.reading(() => scan(this.#environment, range, bounds));
		} catch (error) {
			throw this.#failure(error, false, "reading");
		}
	}

	/** Whichever durability is asked for, the commit is on the disk when this returns: see docs/durability.md. */
	commit(batch: HostBatch): HostCommit | Promise<HostCommit> {
		this.#requireUsable();
		requireFits(batch);
		let result: HostCommit;
		try {
			result = this.#environment.write((commit) => this.#apply(batch, commit));
			this.#freeDeadReaders();
		} catch (error) {
			throw this.#failure(error, false, "writing to");
		}
		if (result.applied) this.#requirePresent("unknown");
		return this.#turns.due() ? this.#turns.next().then(() => result) : result;
	}

	watch(changed: () => void): () => void {
		if (this.#closing !== undefined) throw closed(this.#path);
		// A function of its own, so that one that is registered twice is stopped once.
		const watcher = () => changed();
		if (this.#watchers.size === 0) this.#unlisten = this.#wake.listen(() => this.#otherHostWrote());
		this.#watchers.add(watcher);
		return () => {
			if (this.#watchers.delete(watcher) && this.#watchers.size === 0) this.#unlisten();
		};
	}

	notify(): void {
		this.#wake.touch();
		if (this.#telling || this.#watchers.size < 2) return;
		this.#telling = true;
		queueMicrotask(() => {
			this.#telling = false;
			this.#tell();
		});
	}

	health(): Partial<Health> {
		this.#requireUsable();
		try {
			this.#requirePresent(false);
			const usage = usedBytes(this.#path);
			const free = freeBytes(this.#path);
			return {
				warnings: warningsFor(this.#path),
				persisted: true,
				usage,
				...(Number.isFinite(free) ? { quota: usage + free } : {}),
			};
		} catch (error) {
			throw this.#failure(error, false, "looking at");
		}
	}

	/** Closes the environment. Further calls are refused with CLOSED. */
	close(): Promise<void> {
		this.#closing ??= this.#close();
		return this.#closing;
	}

	async #close(): Promise<void> {
		this.#wake.close();
		await this.#environment.close();
	}

	#apply(batch: HostBatch, commit: number): HostCommit {
		const environment = this.#environment;
		const failed = failedCheck(environment, batch);
		if (failed !== undefined) return failed;
		const lacking = this.#room.lacks(batch, environment);
		if (lacking !== undefined) throw noRoom(this.#path, new Error(lacking));
		for (const key of batch.deletes) environment.remove(key);
		for (const { key, value } of batch.puts) environment.put(key, value);
		if (batch.puts.length > 0 && commit === this.#seen + 1) this.#seen = commit;
		return { applied: true };
	}

	#otherHostWrote(): void {
		if (this.#closing !== undefined) return;
		const last = this.#environment.lastCommit();
		if (last === this.#seen) return;
		this.#seen = last;
		this.#tell();
	}

	#tell(): void {
		for (const watcher of [...this.#watchers]) watcher();
	}

	#freeDeadReaders(): void {
		const now = performance.now();
		if (now - this.#readersAt < DEAD_READERS_MILLISECONDS) return;
		this.#readersAt = now;
		this.#environment.freeDeadReaders();
	}

	#requireUsable(): void {
		if (this.#closing !== undefined) throw closed(this.#path);
		if (performance.now() - this.#presentAt >= PRESENCE_MILLISECONDS) this.#requirePresent(false);
	}

	/** LMDB goes on reading and writing files that were deleted; what it writes then is lost. */
	#requirePresent(applied: Applied): void {
		if (identityOf(this.#path) !== this.#identity) throw gone(this.#path, applied);
		this.#presentAt = performance.now();
	}

	#failure(error: unknown, applied: Applied, doing: string): StreamkitError {
		let reason = error;
		if (isInvalidCall(error)) {
			try {
				this.#environment.probe();
			} catch (hidden) {
				reason = hidden;
			}
		}
		if (isInputOutput(reason) && isFull(this.#path)) return noRoom(this.#path, reason);
		return failure(reason, this.#path, applied, doing);
	}
}

/** A host for a directory: see the contract of HostKv. The directory is created if it is missing. */
export async function directoryHost(path: string): Promise<HostKv> {
	return new DirectoryHost(path);
}

function scanPairs(environment: LmdbEnvironment, range: ScanRange, bounds: KeyRange): ScanPage {
	const keys: Uint8Array[] = [];
	const values: Uint8Array[] = [];
	const maxBytes = range.maxBytes ?? Number.POSITIVE_INFINITY;
	let bytes = 0;
	for (const { key, value } of environment.pairs(bounds)) {
		bytes += value.length;
		if (keys.length === range.limit || (keys.length > 0 && bytes > maxBytes)) return { keys, values, more: true };
		keys.push(key);
		values.push(value.slice());
	}
	return { keys, values, more: false };
}

function scanKeys(environment: LmdbEnvironment, range: ScanRange, bounds: KeyRange): ScanPage {
	const keys: Uint8Array[] = [];
	for (const key of environment.keys(bounds)) {
		if (keys.length === range.limit) return { keys, values: [], more: true };
		keys.push(key);
	}
	return { keys, values: [], more: false };
}

function failedCheck(environment: LmdbEnvironment, batch: HostBatch): HostCommit | undefined {
	for (const [index, { key, value }] of batch.checks.entries()) {
		const current = environment.get(key);
		const holds =
			current === undefined || value === undefined ? current === value : Buffer.compare(current, value) === 0;
		if (!holds) return { applied: false, check: index, current };
	}
	return undefined;
}

function requireKey(key: Uint8Array): void {
	if (key.length > MAX_KEY_BYTES) throw tooLarge("key bytes", MAX_KEY_BYTES, key.length);
	if (key.length === 0) throw new StreamkitError("INVALID_ARGUMENT", "key: must not be empty");
}

function requireFits({ checks, deletes, puts }: HostBatch): void {
	const operations = deletes.length + puts.length;
	if (operations > DIRECTORY_LIMITS.maxBatchOps) {
		throw tooLarge("operations of a batch", DIRECTORY_LIMITS.maxBatchOps, operations);
	}
	let bytes = 0;
	for (const { key } of checks) requireKey(key);
	for (const key of deletes) {
		requireKey(key);
		bytes += key.length;
	}
	for (const { key, value } of puts) {
		requireKey(key);
		if (value.length > MAX_VALUE_BYTES) throw tooLarge("value bytes", MAX_VALUE_BYTES, value.length);
		bytes += key.length + value.length;
	}
	if (bytes > DIRECTORY_LIMITS.maxBatchBytes) {
		throw tooLarge("bytes of a batch", DIRECTORY_LIMITS.maxBatchBytes, bytes);
	}
}

function identityOf(directory: string): string | undefined {
	const stats = statSync(join(directory, DATA_FILE), { throwIfNoEntry: false, bigint: true });
	return stats === undefined ? undefined : `${stats.dev}:${stats.ino}`;
}

// LMDB's own check of a damaged header leaves its environment half open.
const LMDB_MAGIC = 0xbeefc0de;
const LMDB_MAGIC_OFFSETS = [16, 24];

function requireHeader(dataFile: string): void {
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
function restoreLength(dataFile: string, environment: LmdbEnvironment): void {
	const { size, count } = environment.pages();
	if (statSync(dataFile).size >= size * count) return;
	environment.locked(() => {
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
function isFull(directory: string): boolean {
	try {
		if (freeBytes(directory) < 1024 * 1024) return true;
		const limit = /^Max file size\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
		return limit !== undefined && statSync(join(directory, DATA_FILE)).size + 1024 * 1024 > Number(limit);
	} catch {
		return false;
	}
}

const NETWORK_FILE_SYSTEMS: ReadonlySet<number> = new Set([0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x01021997]);
const MEMORY_FILE_SYSTEMS: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);

function warningsFor(directory: string): string[] {
	const warnings: string[] = [];
	const { type } = statfsSync(directory);
	if (NETWORK_FILE_SYSTEMS.has(type)) {
		warnings.push(
			"The directory is on a network file system, where locks and memory maps between machines do not hold.",
		);
	}
	if (MEMORY_FILE_SYSTEMS.has(type)) {
		warnings.push("The directory is on a file system in memory: nothing survives a restart of the machine.");
	}
	return warnings;
}
