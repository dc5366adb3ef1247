import { readFileSync } from "node:fs";
import type { HostBatch } from "streamkit";
import { freeBytes } from "./directory-layout.js";
import type { LmdbEnvironment } from "./lmdb-environment.js";

// Pages that a commit rewrites besides those of its values: the paths to them, and the lists of free pages.
const BASE_PAGES = 32;
const PAGES_PER_OPERATION = 4;

/**
 * Whether a commit is sure to find room on the disk. It is asked beforehand: where LMDB's own write fails, the package's
 * message about it can be longer than the memory that it is put into, and the process then ends.
 */
export class Room {
	readonly #directory: string;
	readonly #largestFile: number;

	constructor(directory: string) {
		this.#directory = directory;
		this.#largestFile = largestFile();
	}

	/** What is missing for the batch, in words; undefined when there is room. */
	lacks(batch: HostBatch, environment: LmdbEnvironment): string | undefined {
		const { size, count } = environment.pages();
		let pages = BASE_PAGES + (batch.puts.length + batch.deletes.length) * PAGES_PER_OPERATION;
		for (const { value } of batch.puts) pages += Math.ceil((value.length + 32) / size);
		const needed = pages * size;
		const length = count * size + needed;
		if (length > this.#largestFile) return `its file may have ${this.#largestFile} bytes and would need ${length}`;
		const free = freeBytes(this.#directory);
		return free < needed ? `the commit may need ${needed} bytes, ${free} are free` : undefined;
	}
}

/** The limit on the length of this process's files. */
function largestFile(): number {
	try {
		const limit = /^Max file size\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
		return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
	} catch {
		// Only Linux tells.
		return Number.POSITIVE_INFINITY;
	}
}
