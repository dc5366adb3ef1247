import { readSync } from "node:fs";

/** Fills `target` with what an open file has from an offset on. Answers how many bytes there were. */
export function readAll(handle: number, target: Buffer, offset: number): number {
	let filled = 0;
	while (filled < target.length) {
		const read = readSync(handle, target, filled, target.length - filled, offset + filled);
		if (read === 0) break;
		filled += read;
	}
	return filled;
}
