import { statSync } from "node:fs";
import { type FileHandle, open, realpath, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { StreamkitError } from "streamkit";
import { nameOnce, ownSuffix, syncDirectory } from "../directory-layout.js";
import { codeOf } from "../errors.js";
import type { Context } from "./context.js";
import { usage } from "./usage.js";

/** Where bytes go. */
export interface Sink {
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
		return { write: (chunk) => context.out.write(chunk), finish: async () => {}, discard: async () => {} };
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
	const file = await open(path, "w");
	const close = closing(file);
	return { write: writing(context, file), finish: close, discard: close };
}

async function newFile(context: Context, path: string, target: string, replace: boolean): Promise<Sink> {
	const temporary = `${target}.${ownSuffix()}.partial`;
	const file = await open(temporary, "wx").catch((error: unknown) => {
		if (codeOf(error) !== "ENOENT") throw error;
		throw new StreamkitError("NOT_FOUND", `file: there is no directory "${dirname(path)}"`, { details: { path } });
	});
	const close = closing(file);
	return {
		write: writing(context, file),
		finish: async () => {
			await file.datasync();
			await close();
			if (replace) await rename(temporary, target);
			else await nameNew(temporary, target);
			syncDirectory(dirname(target));
		},
		discard: async () => {
			await close();
			await rm(temporary, { force: true });
		},
	};
}

function writing(context: Context, file: FileHandle): (chunk: Uint8Array) => Promise<void> {
	return async (chunk) => {
		context.signal.throwIfAborted();
		await file.writeFile(chunk);
	};
}

/** Closes it once. */
function closing(file: FileHandle): () => Promise<void> {
	let closed: Promise<void> | undefined;
	return () => {
		closed ??= file.close();
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
