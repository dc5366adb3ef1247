import { statSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { StreamkitError } from "streamkit";
import { syncDirectory } from "../directory-layout.js";
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
 * A file that appears under its name when it is complete, or standard output for undefined.
 * @throws ALREADY_EXISTS when the file is there, unless it may be replaced; INVALID_ARGUMENT when something else is.
 */
export async function openSink(context: Context, path: string | undefined, replace: boolean): Promise<Sink> {
	if (path === undefined) {
		return { write: (chunk) => context.out.write(chunk), finish: async () => {}, discard: async () => {} };
	}
	const there = statSync(path, { throwIfNoEntry: false });
	// A device or a pipe would be gone, and a file in its place.
	if (there?.isFile() === false) throw usage("file", `"${path}" is there and is no file; it was left untouched`);
	if (there !== undefined && !replace) {
		throw new StreamkitError("ALREADY_EXISTS", `${path} is there already; --force replaces it`, { details: { path } });
	}
	const temporary = `${path}.${process.pid}.partial`;
	const file = await open(temporary, "wx");
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
			await file.datasync();
			await close();
			await rename(temporary, path);
			syncDirectory(dirname(path));
		},
		discard: async () => {
			await close();
			await rm(temporary, { force: true });
		},
	};
}
