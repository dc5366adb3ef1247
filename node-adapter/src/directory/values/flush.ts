import { type FileHandle, open } from "node:fs/promises";
import { codeOf } from "../../errors.js";
import type { ValueFiles } from "./files.js";

/** The system could not write a file, and may not say so again. */
export class NotFlushed extends Error {
	readonly code: string | number | undefined;

	constructor(cause: unknown) {
		super(cause instanceof Error ? cause.message : String(cause), { cause });
		this.code = codeOf(cause);
	}
}

/** Brings files to the disk. @throws NotFlushed where the system could not, whomever it has told so. */
export function syncFiles(files: ValueFiles, numbers: readonly number[]): void {
	for (const number of numbers) {
		const file = files.get(number);
		if (files.isMarked(number)) throw new NotFlushed(Object.assign(new Error("EIO: not flushed"), { code: "EIO" }));
		marking(files, [number], () => file.sync());
	}
	marking(files, numbers, () => files.syncNames(numbers));
}

function marking(files: ValueFiles, numbers: readonly number[], sync: () => void): void {
	try {
		sync();
	} catch (error) {
		for (const number of numbers) files.mark(number);
		throw new NotFlushed(error);
	}
}

/** The same in the background, of those that are there. Answers the files that could not be opened for it. */
export async function flushFiles(files: ValueFiles, numbers: readonly number[]): Promise<number[]> {
	const results = await Promise.allSettled(numbers.map((number) => flushFile(files, number)));
	const left = new Set<number>();
	for (const [index, result] of results.entries()) {
		if (result.status === "rejected") throw result.reason;
		if (!result.value) left.add(numbers[index] as number);
	}
	const flushed = numbers.filter((number) => !left.has(number));
	marking(files, flushed, () => files.syncNames(flushed));
	return [...left];
}

/** False when it could not be opened. */
async function flushFile(files: ValueFiles, number: number): Promise<boolean> {
	let handle: FileHandle | undefined;
	try {
		handle = await opened(files.pathOf(number));
	} catch (error) {
		// Nothing refers to it any more.
		return codeOf(error) === "ENOENT";
	}
	try {
		await handle.datasync();
		return true;
	} catch (error) {
		files.mark(number);
		throw error;
	} finally {
		await handle.close();
	}
}

/** A handle of its own: the system tells each handle once of what it could not write, and that for `sync` must hear it. */
async function opened(path: string): Promise<FileHandle> {
	try {
		return await open(path, "r+");
	} catch (error) {
		if (codeOf(error) !== "EACCES") throw error;
		return open(path, "r");
	}
}
