import { closeSync, ftruncateSync, openSync, statSync } from "node:fs";
import type { JournaledEnvironment } from "./journaled-environment.js";

/** Reading a mapped page beyond the end of the file would kill the process; a page of zeros is an error. */
export function restoreLength(dataFile: string, environment: JournaledEnvironment): void {
	const { size, count } = environment.pages();
	if (statSync(dataFile).size >= size * count) return;
	environment.write(() => {
		const pages = environment.pages();
		const handle = openSync(dataFile, "r+");
		try {
			if (statSync(dataFile).size < pages.size * pages.count) ftruncateSync(handle, pages.size * pages.count);
		} finally {
			closeSync(handle);
		}
	});
}
