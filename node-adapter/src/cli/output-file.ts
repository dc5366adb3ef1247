import { close, fdatasync, fstatSync, openSync, rmSync, statSync, writeFile } from "node:fs";
import { realpath, rename, rm } from "node:fs/promises";
import type { Socket } from "node:net";
import { dirname } from "node:path";
import { addAbortSignal } from "node:stream";
import { promisify } from "node:util";
import { StreamkitError } from "streamkit";
import { ownSuffix } from "../directory/file-names.js";
import { nameOnce, syncDirectory } from "../directory/layout.js";
import { codeOf } from "../errors.js";
import type { Context } from "./context.js";
import { beforeEnd, OutputClosed } from "./interrupt.js";
import { openFile, pipeStream } from "./open-file.js";
import { usage } from "./usage.js";

const closeFile = promisify(close);
const syncFile = promisify(fdatasync);
const writeToFile = promisify(writeFile);

/** Where bytes go. */
export interface Sink {
	/** Whether it is a file that is made anew: anything else may be what remarks go to as well. */
	readonly isFile: boolean;
	write(chunk: Uint8Array): Promise<void>;
	/** All is written: makes it last. */
	finish(): Promise<void>;
	/** Leaves nothing half done behind. */
	discard(): Promise<void>;
}

/**
 * A file that appears under its name when it is complete, or standard output for undefined. A device or a pipe is
 * written to, not replaced.
 * @throws ALREADY_EXISTS when the file is there, unless it may be replaced; INVALID_ARGUMENT for a directory;
 * NOT_FOUND when the directory that it would stand in is missing.
 */
export async function openSink(context: Context, path: string | undefined, replace: boolean): Promise<Sink> {
	if (path === undefined) {
		const nothing = async (): Promise<void> => {};
		return { isFile: false, write: (chunk) => context.out.write(chunk), finish: nothing, discard: nothing };
	}
	const there = statSync(path, { throwIfNoEntry: false });
	if (there === undefined) return newFile(context, path, path, replace);
	if (there.isDirectory()) throw usage("file", `"${path}" is a directory`);
	if (!there.isFile()) return inPlace(context, path);
	if (!replace) throw isThere(path);
	// Of a link, the file that it leads to is replaced.
	return newFile(context, path, await realpath(path), replace);
}

/** What is there is written to as it is. */
async function inPlace(context: Context, path: string): Promise<Sink> {
	const file = await openFile(path, "w", context.signal);
	if (fstatSync(file).isFIFO()) return intoPipe(addAbortSignal(context.signal, pipeStream(file, "write")));
	const close = closing(file);
	return { isFile: false, write: writing(context, file), finish: close, discard: close };
}

function intoPipe(pipe: Socket): Sink {
	// It is told to whoever writes as well.
	pipe.on("error", () => {});
	const done = (resolve: () => void, reject: (error: unknown) => void) => (error?: Error | null) => {
		if (error) reject(codeOf(error) === "EPIPE" ? new OutputClosed() : error);
		else resolve();
	};
	return {
		isFile: false,
		write: (chunk) => new Promise((resolve, reject) => pipe.write(chunk, done(resolve, reject))),
		finish: () => new Promise((resolve, reject) => pipe.end(done(resolve, reject))),
		discard: async () => {
			pipe.destroy();
		},
	};
}

async function newFile(context: Context, path: string, target: string, replace: boolean): Promise<Sink> {
	const temporary = `${target}.${ownSuffix()}.partial`;
	const file = create(temporary, path);
	const forget = beforeEnd(() => rmSync(temporary, { force: true }));
	const close = closing(file);
	return {
		isFile: true,
		write: writing(context, file),
		finish: async () => {
			await syncFile(file);
			await close();
			if (replace) await rename(temporary, target);
			else await nameNew(temporary, target);
			forget();
			syncDirectory(dirname(target));
		},
		discard: async () => {
			await close();
			await rm(temporary, { force: true });
			forget();
		},
	};
}

function create(temporary: string, path: string): number {
	try {
		return openSync(temporary, "wx");
	} catch (error) {
		if (codeOf(error) !== "ENOENT") throw error;
		throw new StreamkitError("NOT_FOUND", `file: there is no directory "${dirname(path)}"`, { details: { path } });
	}
}

function writing(context: Context, file: number): (chunk: Uint8Array) => Promise<void> {
	return async (chunk) => {
		context.signal.throwIfAborted();
		await writeToFile(file, chunk);
	};
}

/** Closes it once. */
function closing(file: number): () => Promise<void> {
	let closed: Promise<void> | undefined;
	return () => {
		closed ??= closeFile(file);
		return closed;
	};
}

async function nameNew(temporary: string, path: string): Promise<void> {
	try {
		nameOnce(temporary, path);
	} catch (error) {
		throw codeOf(error) === "EEXIST" ? isThere(path) : error;
	}
	await rm(temporary, { force: true });
}

function isThere(path: string): StreamkitError {
	return new StreamkitError("ALREADY_EXISTS", `${path} is there already; --force replaces it`, { details: { path } });
}
