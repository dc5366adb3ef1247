import { isStreamkitError, type Store, StreamkitError } from "streamkit";
import { usage } from "./usage.js";

/** The spaces that an option names, each once. @throws NOT_FOUND for one that is not there; INVALID_ARGUMENT for what is no name. */
export async function knownSpaces(
	store: Store,
	option: string,
	spaces: readonly string[],
	signal: AbortSignal,
): Promise<Set<string>> {
	for (const space of spaces) {
		const known = await isKnown(store, space, signal).catch((error: unknown) => {
			// Of a name that breaks a rule it is the prefix that is refused.
			throw isStreamkitError(error, "INVALID_ARGUMENT") ? usage(option, error.message.replace(/^prefix: /, "")) : error;
		});
		if (!known) {
			throw new StreamkitError("NOT_FOUND", `${option}: there is no "${space}"`, { details: { space } });
		}
	}
	return new Set(spaces);
}

async function isKnown(store: Store, space: string, signal: AbortSignal): Promise<boolean> {
	// A name comes first of all that begin with it.
	const first = { prefix: space, limit: 1, signal };
	for await (const name of store.getSpaces(first)) if (name === space) return true;
	// A stream that was created and has no records yet is no space that is listed.
	return (await store.streams.list(first))[0]?.name === space;
}
