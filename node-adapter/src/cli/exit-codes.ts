import { isStreamkitError } from "streamkit";
import { codeOf } from "../errors.js";

/** What the program's exit code says; scripts may rely on it. */
export const ExitCode = Object.freeze({
	done: 0,
	notFound: 1,
	usage: 2,
	refused: 3,
	retry: 4,
	storage: 5,
	/** A fault of the program itself, as in sysexits.h. */
	fault: 70,
	/** Plus the number of the signal. */
	signal: 128,
	/** As of a program that ends by SIGPIPE. */
	outputCut: 141,
});

export const EXIT_CODES_HELP = `
Exit codes:
  0  done                    3  refused: a mismatch, a conflict, a limit, damage
  1  not found               4  worth retrying as it is
  2  wrong usage             5  storage out of reach: no permission, no room, not readable
  70 a fault of the program  129, 130, 143  stopped by SIGHUP, by Ctrl-C, by SIGTERM
  141 the reader of an exact export is gone before its end`;

const BY_CODE: ReadonlyMap<string, number> = new Map([
	["NOT_FOUND", ExitCode.notFound],
	["INVALID_ARGUMENT", ExitCode.usage],
	["QUOTA_EXCEEDED", ExitCode.storage],
]);

/** The exit code for an error. */
export function exitCodeOf(error: unknown): number {
	if (isStreamkitError(error)) {
		const own = BY_CODE.get(error.code);
		if (own !== undefined) return own;
		// What cannot be opened stays so until somebody does something about it.
		if (error.code === "UNAVAILABLE") {
			return error.retryable && codeOf(error.cause) === undefined ? ExitCode.retry : ExitCode.storage;
		}
		return error.retryable ? ExitCode.retry : ExitCode.refused;
	}
	const code = codeOf(error);
	if (code === "ENOENT") return ExitCode.notFound;
	if (code === "EISDIR" || code === "ENOTDIR") return ExitCode.usage;
	return isSystemError(error) ? ExitCode.storage : ExitCode.fault;
}

/** Whether it is the operating system that failed, as for EACCES. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
	return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === "string";
}

/** The three parts of an error that scripts get to see. */
export interface Described {
	readonly code: string;
	readonly message: string;
	readonly details: Readonly<Record<string, unknown>>;
}

/** An error as scripts get to see it. */
export function describeError(error: unknown): Described {
	if (isStreamkitError(error)) {
		return { code: error.code, message: error.message, details: { ...error.details } };
	}
	const message = error instanceof Error ? error.message : String(error);
	const code = codeOf(error);
	const known: Record<number, string> = {
		[ExitCode.notFound]: "NOT_FOUND",
		[ExitCode.usage]: "INVALID_ARGUMENT",
		[ExitCode.storage]: code === "ENOSPC" || code === "EDQUOT" ? "QUOTA_EXCEEDED" : "UNAVAILABLE",
	};
	const details = code === undefined ? {} : { system: code };
	return { code: known[exitCodeOf(error)] ?? "INTERNAL", message, details };
}
