import { type FileHandle, open } from "node:fs/promises";
import type { ValueFiles } from "./files.js";

/** Brings files to the disk. @throws where the system could not write one of them, whomever it has told so. */
export function syncFiles(files: ValueFiles, numbers: readonly number[]): void {
	for (const number of numbers) {
		if (files.isMarked(number)) throw Object.assign(new Error("EIO: values were not flushed"), { code: "EIO" });
		try {
			files.get(number).sync();
		} catch (error) {
			files.mark(number);
			throw error;
		}
	}
	files.syncNames(numbers);
}

/** The same in the background. Answers the files that could not be opened for it. */
export async function flushFiles(files: ValueFiles, numbers: readonly number[]): Promise<number[]> {
	const left: number[] = [];
	const flushing = numbers.map(async (number) => {
		const handle = await opened(files.pathOf(number));
		if (handle === undefined) left.push(number);
		else await flushFile(files, number, handle);
	});
	for (const result of await Promise.allSettled(flushing)) {
		if (result.status === "rejected") throw result.reason;
	}
	if (left.length === 0) files.syncNames(numbers);
	return left;
}

/** A handle of its own: the system tells each handle once of what it could not write, and that for `sync` must hear it. */
async function opened(path: string): Promise<FileHandle | undefined> {
	try {
		return await open(path, "r+");
	} catch {
		return undefined;
	}
}

async function flushFile(files: ValueFiles, number: number, handle: FileHandle): Promise<void> {
	try {
		await handle.datasync();
	} catch (error) {
		files.mark(number);
		throw error;
	} finally {
		await handle.close();
	}
}
