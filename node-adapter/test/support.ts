import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import fs, { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { after, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { Durability, ErrorCode, HostBatch } from "streamkit";
import { isStreamkitError } from "streamkit";

export type Bytes = Uint8Array<ArrayBuffer>;

/** A new directory that is removed when the test file is done. */
export function temporaryDirectory(): string {
	const directory = mkdtempSync(join(tmpdir(), "streamkit-node-"));
	after(() => rmSync(directory, { recursive: true, force: true }));
	return directory;
}

/** The same, open to every user. */
export function publicDirectory(): string {
	const directory = temporaryDirectory();
	chmodSync(directory, 0o755);
	return directory;
}

export function bytes(text: string): Bytes {
	return new TextEncoder().encode(text) as Bytes;
}

export function text(value: Uint8Array | undefined): string | undefined {
	return value === undefined ? undefined : new TextDecoder().decode(value);
}

/** A key whose order is the number's order. */
export function numberKey(number: number): Bytes {
	const key = new Uint8Array(8);
	new DataView(key.buffer).setBigUint64(0, BigInt(number));
	return key;
}

/** A batch of puts of texts; undefined deletes. */
export function batch(
	changes: Record<string, string | undefined>,
	durability: Durability = "relaxed",
	checks: Record<string, string | undefined> = {},
): HostBatch {
	const entries = Object.entries(changes);
	return {
		checks: Object.entries(checks).map(([key, value]) => ({
			key: bytes(key),
			value: value === undefined ? undefined : bytes(value),
		})),
		deletes: entries.filter(([, value]) => value === undefined).map(([key]) => bytes(key)),
		puts: entries.flatMap(([key, value]) => (value === undefined ? [] : [{ key: bytes(key), value: bytes(value) }])),
		durability,
	};
}

/** For assert.throws and assert.rejects: an error with that code, and a message that matches. */
export function coded(code: ErrorCode, message: RegExp = /./): (error: unknown) => boolean {
	return (error) => {
		if (isStreamkitError(error, code) && message.test(error.message)) return true;
		throw error;
	};
}

/** A small generator of numbers in [0, 1), the same for the same seed. */
export function randomFrom(seed: number): () => number {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let value = Math.imul(state ^ (state >>> 15), 1 | state);
		value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
		return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
	};
}

/** Runs with functions of node:fs replaced for all modules. */
export async function withFileSystem(changes: Partial<typeof fs>, run: () => Promise<void> | void): Promise<void> {
	const before = Object.fromEntries(Object.keys(changes).map((name) => [name, fs[name as keyof typeof fs]]));
	Object.assign(fs, changes);
	syncBuiltinESMExports();
	try {
		await run();
	} finally {
		Object.assign(fs, before);
		syncBuiltinESMExports();
	}
}

/** Knows what of a directory, and of what is below it, would be there after power loss. */
export class OnDisk {
	readonly #directory: string;
	/** By inode: of directories the names in them, of files their bytes, when they were last flushed. */
	readonly #names = new Map<number, readonly string[]>();
	readonly #bytes = new Map<number, number>();

	constructor(directory: string) {
		this.#directory = directory;
	}

	/** Runs while it watches. */
	watching(run: () => Promise<void> | void): Promise<void> {
		const { fdatasync, fdatasyncSync, fsyncSync } = fs;
		const flush = (then: (handle: number) => void) => (handle: number) => {
			then(handle);
			this.#note(handle);
		};
		const flushLater = (handle: number, done: fs.NoParamCallback) =>
			fdatasync(handle, (error) => {
				if (error === null) this.#note(handle);
				done(error);
			});
		return withFileSystem(
			{
				fdatasync: flushLater as typeof fdatasync,
				fdatasyncSync: flush(fdatasyncSync),
				fsyncSync: flush(fsyncSync),
			},
			run,
		);
	}

	/** The names that were in a directory when it was last flushed. */
	namesIn(directory: string): readonly string[] {
		return this.#names.get(fs.statSync(directory).ino) ?? [];
	}

	/** Bytes of a file when it was last flushed; undefined: it was not. */
	bytesOf(file: string): number | undefined {
		return this.#bytes.get(fs.statSync(file).ino);
	}

	/** What is there, and may not be after power loss. */
	unnamed(): string[] {
		return this.#all().filter((path) => !this.namesIn(dirname(path)).includes(basename(path)));
	}

	#note(handle: number): void {
		const stats = fs.fstatSync(handle);
		if (!stats.isDirectory()) this.#bytes.set(stats.ino, stats.size);
		// Not one that it is in.
		for (const path of this.#pathsOf(stats.ino)) this.#names.set(stats.ino, fs.readdirSync(path));
	}

	#all(): string[] {
		return fs.readdirSync(this.#directory, { recursive: true }).map((name) => join(this.#directory, String(name)));
	}

	#pathsOf(directory: number): string[] {
		const paths = [this.#directory, ...this.#all()];
		return paths.filter((path) => fs.statSync(path).ino === directory && fs.statSync(path).isDirectory());
	}
}

/** The files in a directory that this process has open, where /proc shows them. */
export function openFilesIn(directory: string): string[] {
	return fs.readdirSync("/proc/self/fd").flatMap((handle) => {
		try {
			const file = fs.readlinkSync(join("/proc/self/fd", handle));
			return file.startsWith(join(directory, "/")) ? [file.slice(directory.length + 1)] : [];
		} catch {
			// That of the listing itself.
			return [];
		}
	});
}

/** Runs on a file system of so many MiB; skips the test where none can be mounted. */
export async function onSmallDisk(
	t: TestContext,
	mebibytes: number,
	run: (mount: string) => Promise<void>,
): Promise<void> {
	const mount = temporaryDirectory();
	try {
		execFileSync("mount", ["-t", "tmpfs", "-o", `size=${mebibytes}m`, "tmpfs", mount], { stdio: "ignore" });
	} catch {
		t.skip("needs to mount a small file system");
		return;
	}
	try {
		await run(mount);
	} finally {
		execFileSync("umount", ["-l", mount], { stdio: "ignore" });
	}
}

export interface ChildResult {
	readonly code: number | null;
	readonly signal: NodeJS.Signals | null;
	readonly stdout: string;
	readonly stderr: string;
}

export interface ChildOptions {
	readonly uid?: number;
	/** Largest file the child may write, in KiB. */
	readonly fileKibibytes?: number;
	/** How many files the child may have open. */
	readonly files?: number;
	/** Called with each line that the child prints. */
	readonly onLine?: (line: string, child: ChildProcess) => void;
}

/** Runs a function of child.ts in a process of its own, with the TypeScript loader this process has. */
export function runChild(task: string, args: readonly string[], options: ChildOptions = {}): Promise<ChildResult> {
	const command = [
		process.execPath,
		...process.execArgv,
		fileURLToPath(new URL("child.ts", import.meta.url)),
		task,
		...args,
	];
	const limits = [
		...(options.fileKibibytes === undefined ? [] : [`ulimit -f ${options.fileKibibytes * 2}`]),
		...(options.files === undefined ? [] : [`ulimit -n ${options.files}`]),
	];
	const limited =
		limits.length === 0 ? command : ["/bin/sh", "-c", [...limits, 'exec "$@"'].join("; "), "sh", ...command];
	const [file = "", ...rest] = limited;
	const child = spawn(file, rest, {
		cwd: fileURLToPath(new URL(".", import.meta.url)),
		stdio: ["ignore", "pipe", "pipe"],
		...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
	});
	let stdout = "";
	let stderr = "";
	let line = "";
	child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
		stdout += chunk;
		line += chunk;
		for (let end = line.indexOf("\n"); end >= 0; end = line.indexOf("\n")) {
			options.onLine?.(line.slice(0, end), child);
			line = line.slice(end + 1);
		}
	});
	child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
		stderr += chunk;
	});
	return new Promise((resolve, reject) => {
		child.on("error", reject);
		child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
	});
}
