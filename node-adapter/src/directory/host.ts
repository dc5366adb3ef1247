import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Bytes, Health, HostBatch, HostCommit, HostKv, ScanPage, ScanRange, StreamkitError } from "streamkit";
import { isStreamkitError } from "streamkit";
import {
	type Applied,
	closed,
	failure,
	gone,
	isInputOutput,
	isInvalidCall,
	lacksRoom,
	leavesUnknown,
	noRoom,
} from "../errors.js";
import { DATA_FILE, JOURNAL_FILE } from "./file-names.js";
import { fileSystemWarnings } from "./file-systems.js";
import { JournaledEnvironment } from "./journaled-environment.js";
import { freeBytes, inOneDirectory, limitOnFiles, prepareDirectory, syncDirectory, usedBytes } from "./layout.js";
import { DIRECTORY_LIMITS, requireFits, requireKeys, requireRange } from "./limits.js";
import { requireHeader } from "./lmdb/data-file.js";
import { restoreLength } from "./restore-length.js";
import { isFull, LackingRoom } from "./room.js";
import { scanPage } from "./scan.js";
import { WakeFile } from "./wake-file.js";
import { Yielder } from "./yielder.js";

// How often, at most, it is looked whether the directory is still the one that was opened.
const PRESENCE_MILLISECONDS = 50;
// Readers of killed processes keep pages from being reused.
const DEAD_READERS_MILLISECONDS = 30_000;
// How long closing lets a sweep go on: processes that come and go would leave a file each.
const SWEEPING_MILLISECONDS = 50;

const settled = Promise.resolve();

/** A store's host on one LMDB environment in one directory. Reads answer without a promise, and so do most commits. */
export class DirectoryHost implements HostKv {
	readonly name = "directory";
	readonly limits = DIRECTORY_LIMITS;
	readonly #path: string;
	readonly #environment: JournaledEnvironment;
	readonly #wake: WakeFile;
	readonly #largestFile = limitOnFiles();
	readonly #yielder = new Yielder();
	/** Who watches through this very host: to them, its own commits are another's. */
	readonly #watchers = new Set<() => void>();
	#unlisten: () => void = () => {};
	#telling = false;
	#presentAt = performance.now();
	#readersAt = performance.now();
	/** The latest state known, with no change of others before it that was not told of. */
	#seen: string;
	#closing: Promise<void> | undefined;
	#sweeping: Promise<void> | undefined;
	#sweepUntil = Number.POSITIVE_INFINITY;

	static {
		Object.assign(DirectoryHost.prototype.commit, { borrows: true });
	}

	/** Opens a directory, creating it if it is missing. All errors are StreamkitErrors. */
	constructor(path: string) {
		const directory = prepareDirectory(path, "store");
		this.#path = directory;
		const dataFile = join(directory, DATA_FILE);
		let environment: JournaledEnvironment | undefined;
		let wake: WakeFile | undefined;
		try {
			const hasData = existsSync(dataFile);
			const isNew = !hasData || !existsSync(join(directory, JOURNAL_FILE));
			if (hasData) requireHeader(dataFile);
			[environment, wake] = inOneDirectory(directory, (path) => {
				environment = new JournaledEnvironment(directory, this.#largestFile, undefined, path);
				return [environment, new WakeFile(directory, path)] as const;
			});
			if (isNew) syncDirectory(directory);
			restoreLength(dataFile, environment);
			this.#environment = environment;
			this.#seen = environment.write(() => this.#environment.version());
		} catch (error) {
			wake?.close();
			void environment?.close();
			throw failure(error, directory, false, "opening");
		}
		this.#wake = wake;
	}

	get(keys: readonly Bytes[]): readonly (Bytes | undefined)[] {
		this.#requireUsable();
		requireKeys(keys);
		const environment = this.#environment;
		try {
			return environment.reading(() => keys.map((key) => environment.get(key)));
		} catch (error) {
			throw this.#failure(error, false, "reading");
		}
	}

	scan(range: ScanRange): ScanPage {
		this.#requireUsable();
		requireRange(range);
		if (range.limit < 1 || Buffer.compare(range.start, range.end) >= 0) return { keys: [], values: [], more: false };
		try {
			return this.#environment.reading(() => scanPage(this.#environment, range));
		} catch (error) {
			throw this.#failure(error, false, "reading");
		}
	}

	/** A relaxed commit goes to the journal and its large values aside, a strict one to the database: see docs/durability.md. */
	commit(batch: HostBatch): HostCommit | Promise<HostCommit> {
		this.#requireUsable();
		requireFits(batch);
		const result = this.#commit(batch);
		this.#freeDeadReaders();
		this.#sweep();
		if (result.applied) this.#requirePresent("unknown");
		return this.#yielder.due() ? this.#yielder.next().then(() => result) : result;
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
		// Not by queueMicrotask, which fake timers of test runners put off.
		void settled.then(() => {
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
				warnings: fileSystemWarnings(this.#path),
				persisted: true,
				usage,
				...(Number.isFinite(free) ? { quota: usage + free } : {}),
			};
		} catch (error) {
			throw this.#failure(error, false, "looking at");
		}
	}

	/** Names the latest state: every commit that changes something leaves another one behind. */
	version(): string {
		this.#requireUsable();
		try {
			return this.#environment.write(() => this.#environment.version());
		} catch (error) {
			throw this.#failure(error, false, "reading");
		}
	}

	/** Runs while nobody commits, of any process, and the directory is still the one that was opened. */
	runInPlace<T>(run: () => T): T {
		this.#requireUsable();
		return this.#environment.write(() => {
			this.#requirePresent(false);
			return run();
		});
	}

	/** The same. False, and it does not run, in any state but that one. */
	runAt(version: string, run: () => void): boolean {
		return this.runInPlace(() => {
			if (this.#environment.version() !== version) return false;
			run();
			return true;
		});
	}

	/** Closes the environment. Further calls are refused with CLOSED. */
	close(): Promise<void> {
		this.#closing ??= this.#close();
		return this.#closing;
	}

	async #close(): Promise<void> {
		this.#wake.close();
		this.#sweepUntil = performance.now() + SWEEPING_MILLISECONDS;
		await this.#sweeping;
		try {
			await this.#environment.close();
		} catch (error) {
			throw failure(error, this.#path, "unknown", "closing");
		}
	}

	#commit(batch: HostBatch): HostCommit {
		try {
			return this.#write(batch);
		} catch (error) {
			if (!lacksRoom(error)) throw error;
			return this.#makeRoom() ? this.#writeOnce(batch) : this.#writeInside(batch, error);
		}
	}

	#writeOnce(batch: HostBatch): HostCommit {
		try {
			return this.#write(batch);
		} catch (error) {
			return this.#writeInside(batch, error);
		}
	}

	#write(batch: HostBatch): HostCommit {
		try {
			return this.#environment.write(() => this.#apply(batch));
		} catch (error) {
			throw this.#failure(error, leavesUnknown(error) ? "unknown" : false, "writing to");
		}
	}

	/** Where there is no room beside the database, there may be some in it: what was deleted leaves that to it alone. */
	#writeInside(batch: HostBatch, error: unknown): HostCommit {
		const wasLookedFor = isStreamkitError(error) && error.cause instanceof LackingRoom;
		if (!wasLookedFor || batch.durability !== "relaxed") throw error;
		return this.#write({ ...batch, durability: "strict" });
	}

	/** Whether there may be more room now. */
	#makeRoom(): boolean {
		try {
			return this.#environment.sweeper.makeRoom();
		} catch {
			// Some of it may have been made.
			return true;
		}
	}

	#apply(batch: HostBatch): HostCommit {
		const environment = this.#environment;
		const failed = failedCheck(environment, batch);
		if (failed !== undefined) return failed;
		if (batch.deletes.length + batch.puts.length === 0) return { applied: true };
		const before = environment.version();
		const after = environment.apply(batch, batch.durability === "relaxed");
		if (this.#seen === before) this.#seen = after;
		return { applied: true };
	}

	#otherHostWrote(): void {
		if (this.#closing !== undefined) return;
		let version: string;
		try {
			version = this.#environment.write(() => this.#environment.version());
		} catch {
			// Whoever is told looks, and meets the error.
			version = "";
		}
		if (version === this.#seen) return;
		this.#seen = version;
		this.#tell();
	}

	#tell(): void {
		for (const watcher of [...this.#watchers]) watcher();
	}

	#freeDeadReaders(): void {
		const now = performance.now();
		if (now - this.#readersAt < DEAD_READERS_MILLISECONDS) return;
		this.#readersAt = now;
		try {
			this.#environment.freeDeadReaders();
		} catch {
			// What was just committed is; they are looked for again.
		}
	}

	/** Removes files of values that are used no more, a step with each turn of the event loop. */
	#sweep(): void {
		if (this.#sweeping !== undefined) return;
		const steps = this.#environment.sweeper.sweep();
		if (steps === undefined) return;
		this.#sweeping = this.#takeSteps(steps).then(() => {
			this.#sweeping = undefined;
		});
	}

	async #takeSteps(steps: Iterator<void>): Promise<void> {
		try {
			do await this.#yielder.next();
			while (performance.now() < this.#sweepUntil && steps.next().done !== true);
		} catch {
			// What is not removed now is with a later file.
		}
	}

	#requireUsable(): void {
		if (this.#closing !== undefined) throw closed(this.#path);
		if (performance.now() - this.#presentAt >= PRESENCE_MILLISECONDS) this.#requirePresent(false);
	}

	/**
	 * Files that were deleted go on to be read and written by who has them open; what is written then is lost. Under
	 * another lock file others write and reuse pages at the same time, which can end the process.
	 */
	#requirePresent(applied: Applied): void {
		const present = this.#environment.isPresent();
		// What is gone once is looked for again by every call.
		this.#presentAt = present ? performance.now() : Number.NEGATIVE_INFINITY;
		if (!present) throw gone(this.#path, applied);
	}

	#failure(error: unknown, applied: Applied, doing: string): StreamkitError {
		let reason = error;
		if (isStreamkitError(error, "CORRUPT") && !this.#environment.isPresent()) return gone(this.#path, applied, error);
		if (isInvalidCall(error)) {
			try {
				this.#environment.probe();
			} catch (hidden) {
				reason = hidden;
			}
		}
		if (isInputOutput(reason) && isFull(this.#path, this.#largestFile)) return noRoom(this.#path, reason);
		return failure(reason, this.#path, applied, doing);
	}
}

/** A host for a directory: see the contract of HostKv. The directory is created if it is missing. */
export async function directoryHost(path: string): Promise<HostKv> {
	return new DirectoryHost(path);
}

function failedCheck(environment: JournaledEnvironment, batch: HostBatch): HostCommit | undefined {
	for (const [index, { key, value }] of batch.checks.entries()) {
		if (!environment.holds(key, value)) return { applied: false, check: index, current: environment.get(key) };
	}
	return undefined;
}
