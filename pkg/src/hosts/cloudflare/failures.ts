import { describe, isStreamkitError, StreamkitError } from "../../errors.js";

/** An error of the storage as one of ours. It is not said that nothing was applied unless that is certain. */
export function storageFailure(host: string, call: string, error: unknown): StreamkitError {
	if (isStreamkitError(error)) return error;
	const text = describe(error);
	if (/SQLITE_FULL|database or disk is full|exceed(?:s|ed)? .*storage|storage limit/i.test(text)) {
		return new StreamkitError("QUOTA_EXCEEDED", `host "${host}": the storage is full: ${text}`, {
			cause: error,
			details: { applied: false },
		});
	}
	return new StreamkitError("UNAVAILABLE", `host "${host}": ${call} failed: ${text}`, {
		cause: error,
		details: { applied: call === "commit" ? "unknown" : false },
	});
}

/** Waits until what was committed is on the disk. Whatever fails here, the commit may be there. */
export async function synced(host: string, storage: { sync(): Promise<void> }): Promise<void> {
	try {
		await storage.sync();
	} catch (error) {
		throw new StreamkitError("UNAVAILABLE", `host "${host}": sync failed: ${describe(error)}`, {
			cause: error,
			details: { applied: "unknown" },
		});
	}
}

/** The storage was emptied under the host: going on in what is there now would give out positions twice. */
export function emptied(host: string): StreamkitError {
	const message = `host "${host}": the storage was emptied (deleteAll) while it was in use; close the store and open it on a new host`;
	return new StreamkitError("UNAVAILABLE", message, { details: { applied: false }, retryable: false });
}
