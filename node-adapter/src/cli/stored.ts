import { isStreamkitError, StreamkitError } from "streamkit";
import { counted } from "./terminal.js";

/** The error, with how much was stored before. line: the one that it is about, where it does not name that itself. */
export function withStored(error: unknown, stored: number, what: "entries" | "spaces", line?: number): unknown {
	if (!isStreamkitError(error)) return error;
	const { code, message, details, retryable, cause } = error;
	const at = line === undefined ? "" : `line ${line}: `;
	const before =
		what === "entries" ? counted(stored, "entry was", "entries were") : counted(stored, "space was", "spaces were");
	return new StreamkitError(code, `${at}${message}; ${before} stored before`, {
		cause,
		details: { ...details, ...(line === undefined ? {} : { line }), stored },
		retryable,
	});
}
