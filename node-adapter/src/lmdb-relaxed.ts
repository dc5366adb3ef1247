import { close, closeSync, fdatasync, fdatasyncSync, open, openSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { DATA_FILE } from "./directory-layout.js";
import { codeOf } from "./errors.js";
import { CheckpointFile, readHeader } from "./lmdb-checkpoint.js";
import type { LmdbEnvironment, ReadTransaction } from "./lmdb-environment.js";

const openFile = promisify(open);
const closeFile = promisify(close);

/** The calls that put a file's pages on the disk; tests replace them to know what the disk has. */
export interface Flush {
	now(path: string, handle: number): void;
	later(path: string, handle: number): Promise<void>;
}

const FLUSH: Flush = {
	now: (_path, handle) => fdatasyncSync(handle),
	later: (_path, handle) => promisify(fdatasync)(handle),
};

// How long a relaxed commit may be in the page cache only, beside what the flush itself takes.
const CHECKPOINT_MILLISECONDS = 50;
// And how much may be, before the next checkpoint is begun: the fewer pages wait to be reused, the shorter LMDB's lists
// of free pages stay, which it searches and rewrites with each commit.
const CHECKPOINT_BYTES = 16 * 1024 * 1024;
// A chain of commits that never wait lets nothing else of the process run, checkpoints included: after this long one
// of them waits for a turn of the event loop.
const TURN_MILLISECONDS = 10;
// Until a checkpoint is made, no page that was written since the last one is reused, and the file grows. When the disk
// does not keep up, commits wait for it from here on,
const BEHIND: Backlog = { bytes: 256 * 1024 * 1024, milliseconds: 2000 };
// and where the caller does not let them wait, they make the checkpoint themselves.
const STARVED: Backlog = { bytes: 1024 * 1024 * 1024, milliseconds: 5000 };
// Pages that a commit writes beside its values: leaves and branches on the way to its keys, and lists of free pages.
const COMMIT_BYTES = 40_000;
// After this long without a commit the checkpoint file is not worth keeping.
const IDLE_MILLISECONDS = 2000;

// Whoever exits without closing still leaves everything on the disk.
const unclosed: Set<RelaxedCommits> = new Set();
let hooked = false;
function closeAtExit(commits: RelaxedCommits): void {
	unclosed.add(commits);
	if (hooked) return;
	hooked = true;
	process.on("exit", () => {
		for (const each of unclosed) each.exit();
	});
}

interface Backlog {
	readonly bytes: number;
	readonly milliseconds: number;
}

interface Snapshot {
	readonly commit: number;
	readonly header: Uint8Array;
	readonly pin: ReadTransaction;
}

/**
 * Commits that do not wait for the disk, such that power loss takes the last of them and nothing else. While there
 * are any, the checkpoint file holds LMDB's header as of a commit that is on the disk as a whole, and every process
 * that writes keeps a read transaction open that is no younger than that, so that no page of it is reused.
 */
export class RelaxedCommits {
	readonly file: CheckpointFile;
	readonly #environment: LmdbEnvironment;
	readonly #bootId: string | undefined;
	readonly #pageSize: number;
	readonly #data: number;
	readonly #dataPath: string;
	readonly #flush: Flush;
	#pin: ReadTransaction | undefined;
	/** The commit that the pin keeps and that the checkpoint file has, on the disk. */
	#recorded = 0;
	#dirty = false;
	#dirtySince = 0;
	#dirtyBytes = 0;
	#turnedAt = performance.now();
	#timer: NodeJS.Timeout | undefined;
	#running: Promise<void> | undefined;
	#queued: Promise<void> | undefined;
	#failed: { readonly error: unknown } | undefined;
	#closed = false;

	constructor(directory: string, environment: LmdbEnvironment, bootId: string | undefined, flush: Flush = FLUSH) {
		this.file = new CheckpointFile(directory);
		this.#environment = environment;
		this.#bootId = bootId;
		this.#pageSize = environment.pages().size;
		this.#dataPath = join(directory, DATA_FILE);
		this.#data = openSync(this.#dataPath, "r");
		this.#flush = flush;
	}

	/** Whether commits may go without the disk here: the system says when it was started last. */
	get supported(): boolean {
		return this.#bootId !== undefined;
	}

	/** Makes commits that do not wait safe. Waits for the disk itself the first time, and after a rest. */
	prepare(): void {
		if (this.#failed !== undefined) throw this.#failed.error;
		this.#release();
		this.#environment.locked(() => {
			const commit = this.#environment.lastCommit();
			const latest = this.file.latest();
			if (latest === undefined || latest.commit !== commit || latest.bootId !== this.#bootId) {
				this.#flush.now(this.#dataPath, this.#data);
				this.file.write(this.#checkpoint(commit));
			}
			this.#syncFile();
			this.#pin = this.#environment.pin();
			this.#recorded = commit;
		});
		closeAtExit(this);
	}

	/** Whether the commit under way need not wait. To be called in its transaction; if not, prepare and try again. */
	covers(): boolean {
		if (this.#failed !== undefined) throw this.#failed.error;
		return this.#pin !== undefined && this.file.exists();
	}

	/** To be called after each commit that did not wait. A promise: the caller should wait for it before the next. */
	committed(bytes: number): Promise<void> | undefined {
		const now = performance.now();
		if (!this.#dirty) {
			this.#dirty = true;
			this.#dirtySince = now;
			this.#dirtyBytes = 0;
		}
		this.#dirtyBytes += bytes + COMMIT_BYTES;
		if (this.#isOver(STARVED, now)) this.#checkpointNow();
		if (this.#timer === undefined && this.#running === undefined) this.#schedule(CHECKPOINT_MILLISECONDS);
		if (this.#dirtyBytes >= CHECKPOINT_BYTES && this.#running === undefined) void this.checkpoint().catch(() => {});
		// If that fails, the next commit does.
		if (this.#isOver(BEHIND, now)) return (this.#running ?? this.checkpoint()).catch(() => {});
		if (now - this.#turnedAt < TURN_MILLISECONDS) return undefined;
		this.#turnedAt = now;
		return new Promise((resolve) => {
			setImmediate(() => {
				this.#turnedAt = performance.now();
				resolve();
			});
		});
	}

	/** Resolves when all that was committed before the call is on the disk and stays after power loss. */
	checkpoint(): Promise<void> {
		this.#queued ??= this.#run(this.#running);
		return this.#queued;
	}

	/** Puts what is not yet on the disk there, and tidies up. Nothing may be called after it. */
	async close(): Promise<void> {
		this.#closed = true;
		clearTimeout(this.#timer);
		this.#timer = undefined;
		try {
			if (this.#dirty && this.#failed === undefined) await this.checkpoint();
			else await this.#running;
			this.#settle();
		} finally {
			unclosed.delete(this);
			this.#release();
			closeSync(this.#data);
		}
	}

	/** What close does, where nothing can be waited for any more. Never throws. */
	exit(): void {
		if (this.#dirty) this.#checkpointNow();
	}

	async #run(before: Promise<void> | undefined): Promise<void> {
		// What an earlier one failed with is thrown to whoever waits for that.
		await before?.catch(() => {});
		const running = this.#step();
		this.#running = running;
		this.#queued = undefined;
		try {
			await running;
		} finally {
			if (this.#running === running) this.#running = undefined;
		}
		if (!this.#closed) this.#schedule(this.#dirty ? CHECKPOINT_MILLISECONDS : IDLE_MILLISECONDS);
	}

	#isOver(backlog: Backlog, now: number): boolean {
		if (!this.#dirty) return false;
		return this.#dirtyBytes >= backlog.bytes || now - this.#dirtySince >= backlog.milliseconds;
	}

	async #step(): Promise<void> {
		if (this.#failed !== undefined) throw this.#failed.error;
		clearTimeout(this.#timer);
		this.#timer = undefined;
		const snapshot = this.#capture();
		try {
			await this.#flush.later(this.#dataPath, this.#data);
			this.#record(snapshot);
			await this.#syncFileLater();
		} catch (error) {
			this.#fail(snapshot, error);
			throw error;
		}
		this.#adopt(snapshot);
	}

	/** Never throws: the commits before it were made, and those after it will fail. */
	#checkpointNow(): void {
		if (this.#failed !== undefined) return;
		let snapshot: Snapshot | undefined;
		try {
			snapshot = this.#capture();
			this.#flush.now(this.#dataPath, this.#data);
			this.#record(snapshot);
			this.#syncFile();
			this.#adopt(snapshot);
		} catch (error) {
			this.#fail(snapshot, error);
		}
	}

	#adopt(snapshot: Snapshot): void {
		// A later one may have been made while this one was waited for.
		if (this.#pin !== undefined && this.#recorded >= snapshot.commit) {
			snapshot.pin.abort();
			return;
		}
		this.#release();
		this.#pin = snapshot.pin;
		this.#recorded = snapshot.commit;
	}

	#fail(snapshot: Snapshot | undefined, error: unknown): void {
		snapshot?.pin.abort();
		// After a failed flush the system may take pages for written that are not: nothing later can be trusted.
		this.#failed = { error };
	}

	#capture(): Snapshot {
		this.#dirty = false;
		return this.#environment.locked(() => {
			const commit = this.#environment.lastCommit();
			return { commit, header: readHeader(this.#data, this.#pageSize), pin: this.#environment.pin() };
		});
	}

	#record({ commit, header }: Snapshot): void {
		this.#environment.locked(() => {
			const latest = this.file.latest();
			// Without the file, another process found everything on the disk meanwhile.
			if (latest === undefined || latest.commit >= commit) return;
			this.file.write({ ...this.#checkpoint(commit), header });
		});
	}

	#checkpoint(commit: number) {
		if (this.#bootId === undefined) throw new Error("the system does not say when it was started");
		return {
			commit,
			bootId: this.#bootId,
			pageSize: this.#pageSize,
			header: readHeader(this.#data, this.#pageSize),
		};
	}

	#schedule(milliseconds: number): void {
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => {
			this.#timer = undefined;
			if (this.#dirty) void this.checkpoint().catch(() => {});
			else this.#rest();
		}, milliseconds);
		this.#timer.unref();
	}

	#rest(): void {
		try {
			this.#settle();
			this.#release();
		} catch {
			// It is tried again after the next commit, and at the next start.
		}
	}

	/** Removes the checkpoint file if all commits, of all processes, are on the disk. */
	#settle(): void {
		if (this.#pin === undefined || this.#failed !== undefined) return;
		this.#environment.locked(() => {
			if (this.#environment.lastCommit() === this.#recorded && this.file.exists()) this.file.remove();
		});
	}

	#release(): void {
		this.#pin?.abort();
		this.#pin = undefined;
	}

	#syncFile(): void {
		let handle: number;
		try {
			handle = openSync(this.file.path, "r");
		} catch (error) {
			if (codeOf(error) === "ENOENT") return;
			throw error;
		}
		try {
			this.#flush.now(this.file.path, handle);
		} finally {
			closeSync(handle);
		}
	}

	async #syncFileLater(): Promise<void> {
		let handle: number;
		try {
			handle = await openFile(this.file.path, "r");
		} catch (error) {
			// Another process found everything on the disk, and removed the file.
			if (codeOf(error) === "ENOENT") return;
			throw error;
		}
		try {
			await this.#flush.later(this.file.path, handle);
		} finally {
			await closeFile(handle);
		}
	}
}
