/** What went wrong, as a stable code. The text of a message is not part of the interface; codes and details are. */
export type ErrorCode =
	/** An expected sequence is not the next one; details {expected, actual}: the position asked for, the next free one. */
	| "SEQUENCE_MISMATCH"
	/** That TRX number exists with another id. */
	| "TRX_ID_MISMATCH"
	/** The segment is past the caller's TRX number. */
	| "TRX_NUMBER_AHEAD"
	/** The caller's TRX number skips ahead of the segment. */
	| "TRX_NUMBER_BEHIND"
	/** The message names the argument and the rule. */
	| "INVALID_ARGUMENT"
	/** Too large for this host or this format; details {what, limit, actual}. */
	| "LIMIT_EXCEEDED"
	/** What is named does not exist. */
	| "NOT_FOUND"
	/** What is named exists already. */
	| "ALREADY_EXISTS"
	/** What is named still holds data, and the call was not forced. */
	| "NOT_EMPTY"
	/** Lost too many races (retryable), or a store or data that are not what was asked for (not retryable). */
	| "CONFLICT"
	/** Another holder has the lease; details {key, holder, expires}. */
	| "LEASE_NOT_ACQUIRED"
	/** The lease is no longer held; details {key}. Nothing more is stored under it. */
	| "LEASE_LOST"
	/** An exclusive group is held, and no more consumers may stand by. */
	| "GROUP_LOCKED"
	/**
	 * Stored bytes are damaged; details {key}. Other data stays readable. Of what is imported: details {spacesDone, offset}.
	 */
	| "CORRUPT"
	/** The host lacks the capability named. */
	| "UNSUPPORTED"
	/** The store, the host or the namespaces were closed. */
	| "CLOSED"
	/** The host failed (retryable, unless `retryable` is false); details.applied is false or "unknown". */
	| "UNAVAILABLE"
	/** The host has no room left; nothing of the write was stored. */
	| "QUOTA_EXCEEDED";

const CODES: ReadonlySet<string> = new Set<ErrorCode>([
	"SEQUENCE_MISMATCH",
	"TRX_ID_MISMATCH",
	"TRX_NUMBER_AHEAD",
	"TRX_NUMBER_BEHIND",
	"INVALID_ARGUMENT",
	"LIMIT_EXCEEDED",
	"NOT_FOUND",
	"ALREADY_EXISTS",
	"NOT_EMPTY",
	"CONFLICT",
	"LEASE_NOT_ACQUIRED",
	"LEASE_LOST",
	"GROUP_LOCKED",
	"CORRUPT",
	"UNSUPPORTED",
	"CLOSED",
	"UNAVAILABLE",
	"QUOTA_EXCEEDED",
]);

// Registered symbols are shared by every copy of the package in one realm and between realms of one
// agent, so the brand survives ESM and CJS copies living side by side.
const BRAND = Symbol.for("streamkit.error");

const NO_DETAILS: Readonly<Record<string, unknown>> = Object.freeze({});

/**
 * An error with a code. Compare by code (see isStreamkitError), not by class: two copies of the package can be loaded.
 */
export class StreamkitError extends Error {
	/** What went wrong. */
	readonly code: ErrorCode;
	/** Whether trying again as it is may help. Default: true for CONFLICT and UNAVAILABLE, else false. */
	readonly retryable: boolean;
	/** Facts that belong to the code, such as {expected, actual} of SEQUENCE_MISMATCH; empty when there are none. */
	readonly details: Readonly<Record<string, unknown>>;

	/** cause: what brought it about. details: default none. retryable: default by the code. */
	constructor(
		code: ErrorCode,
		message: string,
		options?: {
			cause?: unknown;
			details?: Readonly<Record<string, unknown>> | undefined;
			retryable?: boolean | undefined;
		},
	) {
		super(message, options !== undefined && "cause" in options ? { cause: options.cause } : undefined);
		this.code = code;
		this.retryable = options?.retryable ?? (code === "CONFLICT" || code === "UNAVAILABLE");
		this.details = options?.details ?? NO_DETAILS;
	}
}
// On the prototype, so that neither shows up among an error's own properties when it is printed.
Object.defineProperty(StreamkitError.prototype, "name", {
	value: "StreamkitError",
	configurable: true,
	writable: true,
});
Object.defineProperty(StreamkitError.prototype, BRAND, { value: true });

/** The details of a code, where no error lacks them. */
type DetailsOf<C extends ErrorCode> = C extends
	| "SEQUENCE_MISMATCH"
	| "TRX_ID_MISMATCH"
	| "TRX_NUMBER_AHEAD"
	| "TRX_NUMBER_BEHIND"
	? { readonly expected: number; readonly actual: number }
	: unknown;

/** Whether a value is an error of Streamkit, of whichever copy of the package, and of that code if one is given. */
export function isStreamkitError<C extends ErrorCode = ErrorCode>(
	value: unknown,
	code?: C,
): value is StreamkitError & { readonly code: C; readonly details: DetailsOf<C> } {
	if (typeof value !== "object" || value === null) return false;
	const error = value as { [BRAND]?: unknown; code?: unknown };
	return error[BRAND] === true && (code === undefined || error.code === code);
}

/** Whether a string is one of the codes. */
function isErrorCode(value: unknown): value is ErrorCode {
	return typeof value === "string" && CODES.has(value);
}

/** An INVALID_ARGUMENT whose message starts with the argument's name. */
export function invalid(argument: string, rule: string, cause?: unknown): StreamkitError {
	const details = { argument };
	return new StreamkitError(
		"INVALID_ARGUMENT",
		`${argument}: ${rule}`,
		cause === undefined ? { details } : { details, cause },
	);
}

/** A LIMIT_EXCEEDED with its details. */
export function limitExceeded(what: string, limit: number, actual: number): StreamkitError {
	return new StreamkitError("LIMIT_EXCEEDED", `${what}: at most ${limit}, got ${actual}`, {
		details: { what, limit, actual },
	});
}

/** The error of every call on a store that was closed. */
export function closedError(what = "the store"): StreamkitError {
	return new StreamkitError("CLOSED", `${what} is closed`);
}

/** Text for a thrown value of any type. */
export function describe(value: unknown): string {
	if (value instanceof Error) return value.message === "" ? value.name : value.message;
	try {
		return String(value);
	} catch {
		return typeof value;
	}
}

/** Whether the engine reports that a request was cancelled; the caller then answers with its signal's reason. */
export function isAborted(value: unknown): boolean {
	return typeof value === "object" && value !== null && (value as { code?: unknown }).code === "ABORTED";
}

/** The public form of what the engine rejected with: a plain {code, message, details, retryable}. */
export function fromEngine(value: unknown): StreamkitError {
	if (isStreamkitError(value)) return value;
	if (typeof value === "object" && value !== null) {
		const { code, message, details, retryable } = value as Record<string, unknown>;
		if (isErrorCode(code)) {
			const options: { details?: Readonly<Record<string, unknown>>; retryable?: boolean } = {};
			if (typeof details === "object" && details !== null) options.details = details as Record<string, unknown>;
			// The engine names the argument in the message alone.
			const argument = code === "INVALID_ARGUMENT" ? /^([\w.[\]]+): /.exec(String(message))?.[1] : undefined;
			if (argument !== undefined) options.details = { argument, ...options.details };
			if (typeof retryable === "boolean") options.retryable = retryable;
			return new StreamkitError(code, typeof message === "string" ? message : code, options);
		}
	}
	return new StreamkitError("UNAVAILABLE", `the engine failed: ${describe(value)}`, {
		cause: value,
		details: { applied: "unknown" },
	});
}

/**
 * What a host threw, as an error of ours: its own StreamkitError (of any copy, or anything with one of our codes)
 * keeps its code, everything else is UNAVAILABLE and may have been applied.
 */
export function fromHost(value: unknown, host: string, call: string): StreamkitError {
	if (isStreamkitError(value)) return value;
	if (typeof value === "object" && value !== null && isErrorCode((value as { code?: unknown }).code))
		return fromEngine(value);
	return new StreamkitError("UNAVAILABLE", `host "${host}": ${call} failed: ${describe(value)}`, {
		cause: value,
		details: { applied: "unknown" },
	});
}
