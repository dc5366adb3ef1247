import { toHex } from "../../common/bytes.js";
import { describe, isStreamkitError, StreamkitError } from "../../errors.js";

/** What is known about a commit that failed. */
export type Applied = false | "unknown";

/** Nothing was done because the connection is no longer usable: worth one more try on a new one. */
export class ConnectionLost extends Error {}

/** The name of a DOMException, of whichever realm. */
export function nameOf(error: unknown): string {
	const name: unknown = typeof error === "object" && error !== null ? (error as { name?: unknown }).name : undefined;
	return typeof name === "string" ? name : "";
}

/** What IndexedDB reported, as an error with a code. */
export function failure(error: unknown, database: string, doing: string, applied: Applied): StreamkitError {
	if (isStreamkitError(error)) return error;
	const reason = error instanceof ConnectionLost ? error.cause : error;
	if (nameOf(reason) === "QuotaExceededError") {
		// The transaction was undone as a whole.
		return new StreamkitError("QUOTA_EXCEEDED", `database "${database}": the origin has no room left`, {
			cause: reason,
			details: { database, applied: false },
		});
	}
	return new StreamkitError("UNAVAILABLE", `database "${database}": ${doing} failed: ${textOf(reason)}`, {
		cause: reason,
		details: { database, applied },
	});
}

/** Why a database cannot be opened. */
export function openingFailure(error: unknown, database: string): StreamkitError {
	const text = textOf(error);
	// Cookies are off (Chromium has no name of its own for that), the frame is sandboxed, or the window is private in a
	// browser that then allows none.
	if (/SecurityError|InvalidStateError|denied permission/.test(text)) {
		return unsupported(`the browser allows no IndexedDB here: ${text}`, error);
	}
	if (nameOf(error) === "VersionError") {
		return foreign(database, "is of a newer version: a later release or another program made it", error);
	}
	return failure(error, database, "opening", false);
}

/** What is there instead of a value may be anything, however long. */
export const NO_BYTES = "DataError: it is no Uint8Array";

/**
 * Whether a value is damaged. Chromium keeps large ones as files of their own: one that is missing has an error with
 * such a name, and one that is cut a text.
 */
export function isDamage(error: unknown): boolean {
	return /(NotReadable|NotFound|Data)Error|large IndexedDB value/.test(textOf(error));
}

/** The value of that row is damaged. */
export function corrupt(database: string, key: Uint8Array, cause: unknown): StreamkitError {
	return new StreamkitError("CORRUPT", `database "${database}": a value is damaged: ${textOf(cause)}`, {
		cause,
		details: { key: toHex(key), applied: false },
	});
}

/** IndexedDB is missing, or forbidden. */
export function unsupported(message: string, cause?: unknown): StreamkitError {
	return new StreamkitError("UNSUPPORTED", message, cause === undefined ? {} : { cause, details: { applied: false } });
}

/** The name belongs to a database that is not ours to use. */
export function foreign(database: string, rule: string, cause?: unknown): StreamkitError {
	return new StreamkitError("CONFLICT", `database "${database}" ${rule}`, {
		cause,
		details: { database, applied: false },
		retryable: false,
	});
}

/** The database that the host was opened on is no more: going on with another would give out positions twice. */
export function gone(database: string): StreamkitError {
	return new StreamkitError("UNAVAILABLE", `database "${database}" was deleted or replaced while it was open`, {
		details: { database, applied: false },
		retryable: false,
	});
}

function textOf(error: unknown): string {
	const name = nameOf(error);
	const text = describe(error);
	return name === "" || text.includes(name) ? text : `${name}: ${text}`;
}
