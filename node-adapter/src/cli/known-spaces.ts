import { type Store, StreamkitError } from "streamkit";

/** The spaces that an option names, each once. @throws NOT_FOUND for one that is not there. */
export async function knownSpaces(
	store: Store,
	option: string,
	spaces: readonly string[],
	signal: AbortSignal,
): Promise<Set<string>> {
	for (const space of spaces) {
		let found = false;
		// A name comes first of all that begin with it.
		for await (const name of store.getSpaces({ prefix: space, limit: 1, signal })) found = name === space;
		if (!found) throw new StreamkitError("NOT_FOUND", `${option}: there is no "${space}"`, { details: { space } });
	}
	return new Set(spaces);
}
