import { type ErrorCode, isStreamkitError } from "streamkit";
import { Unfit } from "./transfer.js";

/** An error in words: what it means for the user, and what the program said. */
export interface Explanation {
	readonly text: string;
	/** For whoever looks into it. */
	readonly detail: string | undefined;
}

const meanings: Partial<Record<ErrorCode, string>> = {
	QUOTA_EXCEEDED: "There is no room left on this device. Make room, then try again: nothing was lost.",
	LIMIT_EXCEEDED: "That is too long to be stored as one note.",
	UNSUPPORTED: "This browser keeps no data for this page: storage is turned off, or this is a restricted window.",
	CORRUPT: "Part of the stored log is damaged. The rest can still be read and exported.",
	CLOSED: "The log was closed. Reload the page to open it again.",
};

/** Nothing else holds a log that takes any number of writers. */
const importing =
	"A file is being imported into this log, maybe in another tab. Wait until that has ended, then try again. If no tab is importing, an import was interrupted: import the file again to complete it.";

export function explain(error: unknown): Explanation {
	if (error instanceof Unfit) return { text: error.message, detail: describe(error.cause) };
	const detail = describe(error);
	if (!isStreamkitError(error)) return { text: "Something went wrong that should not have.", detail };
	if (error.code === "CONFLICT" && error.retryable) return { text: importing, detail };
	return { text: meanings[error.code] ?? general(error.retryable), detail };
}

function general(retryable: boolean): string {
	return retryable
		? "The browser's storage did not answer. Try again: nothing is stored twice."
		: "The log is not what was opened before: it may have been removed, or come from another release. Reload the page.";
}

function describe(error: unknown): string | undefined {
	if (error === undefined) return undefined;
	if (isStreamkitError(error)) return `${error.code}: ${error.message}`;
	return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
