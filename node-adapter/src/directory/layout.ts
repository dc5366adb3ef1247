import {
	accessSync,
	closeSync,
	constants,
	fdatasyncSync,
	fsyncSync,
	linkSync,
	lstatSync,
	mkdirSync,
	openSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	type Stats,
	statfsSync,
	statSync,
	writeSync,
} from "node:fs";
import { devNull } from "node:os";
import { dirname, join, resolve } from "node:path";
import { StreamkitError } from "streamkit";
import { badPath, codeOf, damaged, failure, gone, noRoom, wrong } from "../errors.js";
import { standsAt } from "./file-identity.js";
import { DATA_FILE, JOURNAL_FILE, LOCK_FILE, MARKER_FILE, ownSuffix, VALUES_DIRECTORY } from "./file-names.js";
import { contentsOf, evidenceOfData, isLeftBehind } from "./left-behind.js";
import { makeFiles } from "./lmdb/opening.js";
import { identityOf, throughItself } from "./open-file.js";

/** What a directory of ours is for. */
export type DirectoryKind = "store" | "namespaces";

const FORMAT = 1;

// LMDB's lock file is a memory map: with no room for its pages, or when it may not get that long, the process would be
// ended by the system.
const ROOM_FOR_A_NEW_STORE = 1024 * 1024;

// Files that are open at once while LMDB opens an environment: its own, the data, the marker, what holds the directory
// and both files, and one more.
const HANDLES = 9;

/**
 * Makes sure that a path is a directory of ours of that kind, creating it if it is missing or empty, and that it can
 * be written. Touches nothing that is not ours.
 *
 * @throws INVALID_ARGUMENT when the path is a file, or a directory that holds something else; UNSUPPORTED when it is of
 * another format; CORRUPT when its marker is damaged, or a store's data are missing;
 * UNAVAILABLE when it may not be read or written, or too many files are open; QUOTA_EXCEEDED when there is no room to
 * create it.
 */
export function prepareDirectory(path: string, kind: DirectoryKind): string {
	if (typeof path !== "string") throw wrong("path", `must be a string, got ${typeof path}`);
	if (path === "" || path.includes("\0")) throw badPath(path, "must be a non-empty string without NUL");
	// It would become another character on the way to the system.
	if (/\p{Surrogate}/u.test(path)) throw badPath(path, "must be well-formed UTF-16 (no lone surrogates)");
	const directory = resolve(path);
	try {
		const before = statSync(directory, { throwIfNoEntry: false });
		if (before === undefined) createDirectory(directory);
		else if (!before.isDirectory()) throw badPath(path, `"${path}" is a file; a store is kept in a directory`);
		if (!isMarked(directory, path, kind)) mark(directory, path, kind);
		requireAccess(directory, kind);
	} catch (error) {
		throw openingFailure(error, path);
	}
	return directory;
}

/** What the system says against a path that was given, as an error with a code of ours. */
export function openingFailure(error: unknown, path: string): StreamkitError {
	if (codeOf(error) === "ENOTDIR" || codeOf(error) === "EEXIST") {
		return badPath(path, `"${path}" leads through a file; a store is kept in a directory`);
	}
	if (codeOf(error) === "ENAMETOOLONG" || codeOf(error) === "ELOOP") {
		return badPath(path, `"${path}" is longer, or leads through more links, than the system follows`);
	}
	return failure(error, path, false, "opening");
}

/** Whether a path is a directory of ours of that kind. Never throws. */
export function isOurs(path: string, kind: DirectoryKind): boolean {
	try {
		return isMarked(path, path, kind);
	} catch {
		return false;
	}
}

/**
 * Opens what is in a directory of ours, by a path that leads to it, and makes sure that it was the same directory all the
 * while: another process may delete it and make another one meanwhile, and LMDB makes one that is missing. What is there
 * then is left alone, as it may be another's by the time that it is looked at: see `isLeftBehind`.
 */
export function inOneDirectory<T>(directory: string, open: (path: string) => T): T {
	return throughItself(directory, (path) => {
		// As long as it is open, no other file is taken for it.
		const marker = openSync(join(path, MARKER_FILE), "r");
		const isSame = (): boolean => standsAt(join(directory, MARKER_FILE), identityOf(marker));
		try {
			const result = open(path);
			if (isSame()) return result;
		} catch (error) {
			throw isSame() ? error : gone(directory, false, error);
		} finally {
			closeSync(marker);
		}
		throw gone(directory, false);
	});
}

/** Makes new, renamed and removed entries of a directory survive power loss, where the system can do that. */
export function syncDirectory(directory: string): void {
	let handle: number;
	try {
		handle = openSync(directory, "r");
	} catch (error) {
		// Windows opens no directories; its file systems journal their entries themselves.
		if (codeOf(error) === "EISDIR" || codeOf(error) === "EPERM") return;
		throw error;
	}
	try {
		fsyncSync(handle);
	} catch (error) {
		if (codeOf(error) !== "EINVAL" && codeOf(error) !== "EPERM" && codeOf(error) !== "ENOTSUP") throw error;
	} finally {
		closeSync(handle);
	}
}

/** Bytes that the file system has left for this user; infinite where it does not say, as some of the user space do. */
export function freeBytes(directory: string): number {
	const { blocks, bavail, bsize } = statfsSync(directory);
	return blocks === 0 ? Number.POSITIVE_INFINITY : bavail * bsize;
}

/** The limit on the length of this process's files, in bytes. */
export function limitOnFiles(): number {
	try {
		const limit = /^Max file size\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
		return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
	} catch {
		// Only Linux tells.
		return Number.POSITIVE_INFINITY;
	}
}

/** Bytes that a store takes on the disk; sparse parts of its files take none. */
export function usedBytes(directory: string): number {
	let used = bytesOfFilesIn(directory);
	const values = join(directory, VALUES_DIRECTORY);
	if (isThere(values)) used += bytesOfFilesIn(values);
	return used;
}

function bytesOfFilesIn(directory: string): number {
	let used = 0;
	for (const name of readdirSync(directory)) {
		const stats: Stats | undefined = statSync(join(directory, name), { throwIfNoEntry: false });
		if (stats?.isFile()) used += stats.blocks > 0 ? stats.blocks * 512 : stats.size;
	}
	return used;
}

// One by one: where a file system makes no directories and says that something above is missing, as /proc does, Node's
// recursive way never ends.
function createDirectory(directory: string): void {
	const missing: string[] = [];
	let at = directory;
	for (; !isThere(at) && at !== dirname(at); at = dirname(at)) missing.push(at);
	requireRoom(at, directory);
	for (const one of missing.reverse()) {
		try {
			mkdirSync(one);
		} catch (error) {
			// Another process may have made it meanwhile; what links to nothing stays an error.
			if (codeOf(error) !== "EEXIST" || !isThere(one)) throw error;
		}
		syncDirectory(dirname(one));
	}
}

function isThere(path: string): boolean {
	return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function isMarked(directory: string, path: string, kind: DirectoryKind): boolean {
	let text: string;
	try {
		text = readFileSync(join(directory, MARKER_FILE), "utf8");
	} catch (error) {
		if (codeOf(error) === "ENOENT") return false;
		throw error;
	}
	const mark = parse(text);
	if (mark === undefined) throw damaged(join(directory, MARKER_FILE), "is damaged; it was left untouched");
	if (mark.streamkit !== kind) {
		const opener = mark.streamkit === "store" ? "openDirectory" : "openNamespaces";
		const advice = mark.streamkit === "store" || mark.streamkit === "namespaces" ? `: ${opener} opens it` : "";
		throw badPath(path, `"${path}" is a directory of kind "${String(mark.streamkit)}", not "${kind}"${advice}`);
	}
	if (mark.format !== FORMAT) {
		const message = `"${path}" has format ${String(mark.format)}; this version reads format ${FORMAT}`;
		throw new StreamkitError("UNSUPPORTED", message, { details: { path } });
	}
	return true;
}

function parse(text: string): { streamkit?: unknown; format?: unknown } | undefined {
	try {
		const value: unknown = JSON.parse(text);
		return typeof value === "object" && value !== null ? value : undefined;
	} catch {
		return undefined;
	}
}

function mark(directory: string, path: string, kind: DirectoryKind): void {
	const others = contentsOf(directory);
	if (others.length > 0) {
		// Another process may have made it ours between the two looks.
		if (isMarked(directory, path, kind)) return;
		if (kind !== "store" || !isLeftBehind(directory, others)) {
			throw badPath(path, `"${path}" is not empty and holds no store; it was left untouched`);
		}
		// Before the marker: some of what was left would say of a marked directory that its data are missing.
		requireOpenable(directory);
		makeFiles(directory);
		syncData(directory);
	}
	requireRoom(directory, directory);
	syncName(directory);
	const temporary = join(directory, `${MARKER_FILE}.${ownSuffix()}`);
	try {
		const handle = openSync(temporary, "wx");
		try {
			writeSync(handle, `${JSON.stringify({ streamkit: kind, format: FORMAT })}\n`);
			fdatasyncSync(handle);
		} finally {
			closeSync(handle);
		}
		nameOnce(temporary, join(directory, MARKER_FILE));
	} catch (error) {
		// Another process was faster; of two kinds, one wins.
		if (codeOf(error) !== "EEXIST" || !isMarked(directory, path, kind)) throw error;
	} finally {
		rmSync(temporary, { force: true });
	}
	syncDirectory(directory);
}

/** Who made a directory may have ended, or may go on, without its name on the disk: of one that is marked, it is. */
function syncName(directory: string): void {
	try {
		syncDirectory(dirname(directory));
	} catch (error) {
		// Where it is may be closed to this user, to whom somebody else gave it.
		if (codeOf(error) !== "EACCES") throw error;
	}
}

/** Gives a file another name, which must be free where the file system can tell. The first may stay. */
export function nameOnce(from: string, to: string): void {
	try {
		linkSync(from, to);
	} catch (error) {
		if (codeOf(error) === "EEXIST") throw error;
		// Not every file system has links.
		renameSync(from, to);
	}
}

function requireAccess(directory: string, kind: DirectoryKind): void {
	requireReadWrite(directory, constants.X_OK);
	if (kind !== "store") return;
	requireOpenable(directory);
	requireData(directory);
}

/** Makes sure that nothing in a directory keeps LMDB from opening it, or making its files. */
function requireOpenable(directory: string): void {
	// An empty one is what a process leaves that ended while it made it.
	const isNew = [DATA_FILE, LOCK_FILE].filter((name) => requireFile(directory, name) === 0).length > 0;
	requireFile(directory, JOURNAL_FILE);
	if (isNew) requireRoom(directory, directory);
	requireHandles();
}

/** Without its data, what a store held is elsewhere, or lost: a new one in its place would hide that. */
function requireData(directory: string): void {
	// In this order, as they are made in the other one.
	const evidence = evidenceOfData(directory);
	if (evidence === undefined) return;
	const dataFile = join(directory, DATA_FILE);
	const size = statSync(dataFile, { throwIfNoEntry: false })?.size;
	if (size !== undefined && size > 0) return;
	const what = size === undefined ? "missing" : "empty";
	const advice = "put it back, or delete the whole directory to begin anew";
	throw damaged(dataFile, `is ${what}, and ${evidence} says that there were data; ${advice}`);
}

/** Brings LMDB's files of a new store to the disk, before anything is made that is evidence of them. */
export function syncData(directory: string): void {
	const handle = openSync(join(directory, DATA_FILE), "r+");
	try {
		fdatasyncSync(handle);
	} finally {
		closeSync(handle);
	}
	syncDirectory(directory);
}

/** Says of what may be read alone why that is not enough: LMDB keeps a table of its readers in the directory. */
function requireReadWrite(path: string, also = 0): void {
	accessSync(path, constants.R_OK | also);
	try {
		accessSync(path, constants.W_OK);
	} catch (error) {
		if (error instanceof Error) error.message += "; whoever reads a store must be allowed to write to it, too";
		throw error;
	}
}

/** Makes sure that there is room for a new store where `at` is. Asked before anything is made, too: that would stay. */
function requireRoom(at: string, directory: string): void {
	if (freeBytes(at) < ROOM_FOR_A_NEW_STORE) throw noRoom(directory, new Error("less than 1 MiB free"));
	const largestFile = limitOnFiles();
	if (largestFile < ROOM_FOR_A_NEW_STORE) {
		throw noRoom(directory, new Error(`its files may have ${largestFile} bytes, and need up to 1 MiB`));
	}
}

/** Makes sure that a file of ours is one, and may be written. Answers how long it is: 0 when there is none. */
function requireFile(directory: string, name: string): number {
	const path = join(directory, name);
	const found = statSync(path, { throwIfNoEntry: false });
	if (found?.isFile()) {
		requireReadWrite(path);
		return found.size;
	}
	// A link to nothing is something else as well; a file may just have been made by another process.
	if (found === undefined && lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return 0;
	throw badPath(directory, `"${directory}" holds a ${name} that is no file; it was left untouched`);
}

/** Where it finds no more room for an open file, the package ends the process. */
function requireHandles(): void {
	const handles: number[] = [];
	try {
		for (let left = HANDLES; left > 0; left--) handles.push(openSync(devNull, "r"));
	} finally {
		for (const handle of handles) closeSync(handle);
	}
}
