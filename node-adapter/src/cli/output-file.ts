import { statSync } from "node:fs";
import { open, realpath, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { StreamkitError } from "streamkit";
import { syncDirectory } from "../directory-layout.js";
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
	if (there?.isDirectory() === true) throw usage("file", `"${path}" is a directory`);
	if (there?.isFile() === true && !replace) {
		throw new StreamkitError("ALREADY_EXISTS", `${path} is there already; --force replaces it`, { details: { path } });
	}
	const inPlace = there?.isFile() === false;
	// Of a link, the file that it leads to is replaced.
	const target = there?.isFile() === true ? await realpath(path) : path;
	const written = inPlace ? target : `${target}.${process.pid}.partial`;
	const file = await open(written, inPlace ? "w" : "wx").catch((error: unknown) => {
		if (codeOf(error) !== "ENOENT") throw error;
		throw new StreamkitError("NOT_FOUND", `file: there is no directory "${dirname(path)}"`, { details: { path } });
	});
	let closed = false;
	const close = async (): Promise<void> => {
		if (closed) return;
		closed = true;
		await file.close();
	};
	return {
		write: async (chunk) => {
			context.signal.throwIfAborted();
			await file.writeFile(chunk);
		},
		finish: async () => {
			if (!inPlace) await file.datasync();
			await close();
			if (inPlace) return;
			await rename(written, target);
			syncDirectory(dirname(target));
		},
		discard: async () => {
			await close();
			if (!inPlace) await rm(written, { force: true });
		},
	};
}
