import { constants } from "node:os";
import { isStreamkitError, StreamkitError } from "streamkit";

/** What is known about a write that failed: certainly not applied, or not known. */
export type Applied = false | "unknown";

// Codes of LMDB itself (lmdb.h); codes of the system come as positive errno numbers, from node:fs as names.
const MDB_PAGE_NOTFOUND = -30797;
const MDB_CORRUPTED = -30796;
const MDB_PANIC = -30795;
const MDB_VERSION_MISMATCH = -30794;
const MDB_INVALID = -30793;
const MDB_MAP_FULL = -30792;
const MDB_READERS_FULL = -30790;
const MDB_BAD_RSLOT = -30783;

const QUOTA: ReadonlySet<unknown> = new Set([
	"ENOSPC",
	"EDQUOT",
	"EFBIG",
	constants.errno.ENOSPC,
	constants.errno.EDQUOT,
	constants.errno.EFBIG,
	MDB_MAP_FULL,
]);
const DAMAGED: ReadonlySet<unknown> = new Set([MDB_PAGE_NOTFOUND, MDB_CORRUPTED, MDB_INVALID, MDB_VERSION_MISMATCH]);
const REFUSED: ReadonlySet<unknown> = new Set([
	"EACCES",
	"EPERM",
	"EROFS",
	constants.errno.EACCES,
	constants.errno.EPERM,
	constants.errno.EROFS,
]);
const GONE: ReadonlySet<unknown> = new Set(["ENOENT", "ENOTDIR", constants.errno.ENOENT]);

/** The code an error of node:fs or of LMDB carries. */
export function codeOf(error: unknown): string | number | undefined {
	const code = typeof error === "object" && error !== null ? (error as { code?: unknown }).code : undefined;
	return typeof code === "string" || typeof code === "number" ? code : undefined;
}

/** Whether it is an input/output error, which is also how LMDB reports a write that was cut short. */
export function isInputOutput(error: unknown): boolean {
	const code = codeOf(error);
	return code === "EIO" || code === constants.errno.EIO;
}

/**
 * Whether LMDB met it in a commit and cannot tell what became of that: it may have been writing the header that names
 * the commit. What node:fs meets has names for codes; a journal is put back.
 */
export function leavesUnknown(error: unknown): boolean {
	return codeOf(error) === constants.errno.EIO;
}

/** Whether LMDB was called with a transaction it has no more, which hides the reason it failed for. */
export function isInvalidCall(error: unknown): boolean {
	return codeOf(error) === constants.errno.EINVAL;
}

/** The error of a call on a host that was closed. */
export function closed(path: string): StreamkitError {
	return new StreamkitError("CLOSED", `the store in ${path} is closed`);
}

/** INVALID_ARGUMENT that names the argument and the rule. */
export function wrong(argument: string, rule: string): StreamkitError {
	return new StreamkitError("INVALID_ARGUMENT", `${argument}: ${rule}`, { details: { argument } });
}

/** INVALID_ARGUMENT for the path that was given. */
export function badPath(path: string, rule: string): StreamkitError {
	return new StreamkitError("INVALID_ARGUMENT", `path: ${rule}`, { details: { argument: "path", path } });
}

/** CORRUPT: a file is damaged, or missing; the rule says what it must be, or was to be done. */
export function damaged(file: string, rule: string): StreamkitError {
	return new StreamkitError("CORRUPT", `${file} ${rule}`, { details: { key: file } });
}

/** LIMIT_EXCEEDED with its details {what, limit, actual}. */
export function tooLarge(what: string, limit: number, actual: number): StreamkitError {
	return new StreamkitError("LIMIT_EXCEEDED", `${what}: at most ${limit}, got ${actual}`, {
		details: { what, limit, actual },
	});
}

/** QUOTA_EXCEEDED: nothing of the write was stored, and what was there before is untouched. */
export function noRoom(path: string, cause?: unknown): StreamkitError {
	return new StreamkitError("QUOTA_EXCEEDED", `no room left for the store in ${path}: ${text(cause)}`, {
		cause,
		details: { path, applied: false },
	});
}

const NO_ROOM: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT", constants.errno.ENOSPC, constants.errno.EDQUOT]);

/** Whether an error of ours says that there is no room on the disk, and certainly nothing was stored. */
export function lacksRoom(error: unknown): boolean {
	return isStreamkitError(error, "QUOTA_EXCEEDED") && NO_ROOM.has(codeOf(error.cause));
}

/** UNAVAILABLE: the directory is not the one that was opened. */
export function gone(path: string, applied: Applied, cause?: unknown): StreamkitError {
	return new StreamkitError("UNAVAILABLE", `the store in ${path} was deleted or replaced while it was open`, {
		cause,
		retryable: false,
		details: { path, applied },
	});
}

/**
 * What failed in the file system or in LMDB, as an error with a code: QUOTA_EXCEEDED, CORRUPT or UNAVAILABLE.
 * Errors that have a code of ours already are given back as they are.
 */
export function failure(error: unknown, path: string, applied: Applied, doing: string): StreamkitError {
	if (isStreamkitError(error)) return error;
	const code = codeOf(error);
	if (QUOTA.has(code)) return noRoom(path, error);
	const message = `${doing} the store in ${path} failed: ${text(error)}`;
	if (DAMAGED.has(code)) {
		return new StreamkitError("CORRUPT", message, { cause: error, details: { path, applied: false } });
	}
	if (REFUSED.has(code)) {
		return new StreamkitError("UNAVAILABLE", `${message} (not permitted)`, {
			cause: error,
			retryable: false,
			details: { path, applied: false },
		});
	}
	if (GONE.has(code)) {
		if (doing !== "opening") return gone(path, false, error);
		// A drive that is not there, say: nothing was open yet.
		return new StreamkitError("UNAVAILABLE", message, {
			cause: error,
			retryable: false,
			details: { path, applied: false },
		});
	}
	// The second: this process closed a file of the store beside LMDB, say to copy it, and another took the locks.
	if (code === MDB_PANIC || code === MDB_BAD_RSLOT) {
		return new StreamkitError("UNAVAILABLE", `${message}; close it and open it again`, {
			cause: error,
			retryable: false,
			details: { path, applied },
		});
	}
	if (code === constants.errno.EAGAIN && doing === "opening") {
		const who = "a process of the same number has it open, of another container or machine";
		return new StreamkitError("UNAVAILABLE", `${message} (${who})`, {
			cause: error,
			retryable: false,
			details: { path, applied: false },
		});
	}
	if (code === MDB_READERS_FULL) {
		return new StreamkitError("UNAVAILABLE", `too many processes and threads have the store in ${path} open`, {
			cause: error,
			details: { path, applied: false },
		});
	}
	return new StreamkitError("UNAVAILABLE", message, { cause: error, details: { path, applied } });
}

function text(error: unknown): string {
	return error instanceof Error ? error.message : String(error ?? "the limit is reached");
}
