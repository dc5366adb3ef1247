import { describe, StreamkitError } from "../errors.js";
import type { Glue } from "./abi.js";

/**
 * Whether what a call threw is a trap. The engine's own answers are plain objects; an Error out of a call is a trap
 * (RuntimeError), an exhausted stack (RangeError), or the glue's complaint about an instance that is already broken.
 */
export function isTrap(error: unknown): boolean {
	return error instanceof Error && !(error instanceof StreamkitError);
}

/** There is no instance to answer. */
export function lostError(): StreamkitError {
	return new StreamkitError("UNAVAILABLE", "the engine was lost", { details: { applied: false } });
}

/** What calls are rejected with whose instance trapped. */
export function trapError(error: unknown, lastWords?: string): StreamkitError {
	return new StreamkitError("UNAVAILABLE", `the engine stopped: ${lastWords ?? describe(error)}`, {
		cause: error,
		details: { applied: "unknown" },
	});
}

/** What an instance said when it panicked, if it did. */
export function lastWordsOf(glue: Glue): string | undefined {
	try {
		return glue.panicMessage();
	} catch {
		// An exhausted stack, or memory: nothing inside can run any more.
		return undefined;
	}
}
