import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import {
	CREATED_FILE,
	DATA_FILE,
	JOURNAL_FILE,
	LOCK_FILE,
	MARKER_FILE,
	VALUES_DIRECTORY,
	WAKE_FILE,
} from "./file-names.js";
import { hasCommits } from "./lmdb/data-file.js";

// What file managers and file systems leave in an empty directory.
const IGNORED: ReadonlySet<string> = new Set([".DS_Store", ".localized", "Thumbs.db", "desktop.ini", "lost+found"]);

const isEmptyFile = (path: string): boolean => statSync(path).isFile() && statSync(path).size === 0;
const isFile = (path: string): boolean => statSync(path).isFile();

/** For each name that may be left: whether what has it holds no data. */
const HOLDS_NOTHING: ReadonlyMap<string, (path: string) => boolean> = new Map([
	[DATA_FILE, (path) => isFile(path) && !hasCommits(path)],
	[LOCK_FILE, isFile],
	[JOURNAL_FILE, isEmptyFile],
	[VALUES_DIRECTORY, (path) => readdirSync(path).length === 0],
	[WAKE_FILE, isFile],
	[CREATED_FILE, isEmptyFile],
]);

/** What is in a directory besides what anybody may leave there, and what we leave there while we make it ours. */
export function contentsOf(directory: string): string[] {
	return readdirSync(directory).filter((name) => !IGNORED.has(name) && !name.startsWith(`${MARKER_FILE}.`));
}

/**
 * Whether all that is in an unmarked directory is what is left where a store is deleted while others open it or have it
 * open: they make files anew, in what is removed or in what takes its place. None of it is data.
 */
export function isLeftBehind(directory: string, names: readonly string[]): boolean {
	try {
		return names.every((name) => HOLDS_NOTHING.get(name)?.(join(directory, name)) === true);
	} catch {
		// It goes away, or is something else.
		return false;
	}
}

/**
 * What in a store's directory says that there have been data; undefined when nothing does. The data are whole on the disk
 * before any of it is made.
 */
export function evidenceOfData(directory: string): string | undefined {
	for (const name of [JOURNAL_FILE, WAKE_FILE]) {
		if (statSync(join(directory, name), { throwIfNoEntry: false }) !== undefined) return name;
	}
	const values = join(directory, VALUES_DIRECTORY);
	const isThere = statSync(values, { throwIfNoEntry: false })?.isDirectory() === true;
	return isThere && readdirSync(values).length > 0 ? VALUES_DIRECTORY : undefined;
}
