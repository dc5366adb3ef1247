import { closeSync, fstatSync, openSync } from "node:fs";
import { type FileIdentity, standsAt } from "./file-identity.js";

// Where Linux shows the open files of a process, each as a link that leads to the file itself.
const OPEN_FILES = "/proc/self/fd";

/**
 * A path that leads to an open file itself, wherever it stands by now, if anywhere; undefined where the system has none.
 * What is made below that of a directory is made in this directory, and nowhere once it is deleted.
 */
export function pathOf(handle: number): string | undefined {
	if (process.platform !== "linux") return undefined;
	const path = `${OPEN_FILES}/${handle}`;
	try {
		return standsAt(path, identityOf(handle)) ? path : undefined;
	} catch {
		// Of a process that has changed its user, the system shows them to nobody but the superuser.
		return undefined;
	}
}

/** The identity of an open file. */
export function identityOf(handle: number): FileIdentity {
	return fstatSync(handle, { bigint: true });
}

/** Runs with a path that leads to a directory itself, where the system has one; else it is that of the directory. */
export function throughItself<T>(directory: string, run: (path: string) => T): T {
	// Others need not open directories.
	if (process.platform !== "linux") return run(directory);
	const handle = openSync(directory, "r");
	try {
		return run(pathOf(handle) ?? directory);
	} finally {
		closeSync(handle);
	}
}
