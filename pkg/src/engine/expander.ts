import type { Bytes } from "../common/bytes.js";
import { soon } from "../common/microtasks.js";
import type { Glue } from "./abi.js";
import { type EngineModule, instantiate } from "./loader.js";
import { trapError } from "./traps.js";

/** Gives what expands compressed rows for the light engine, with a full one, so that the call which met one can end. */
export function rowExpander(loadFull: () => Promise<EngineModule>): (row: Bytes) => Promise<Bytes> {
	let glue: Glue | undefined;
	return async (row) => {
		const loaded = await loadFull();
		// Without a store: it only expands.
		glue ??= instantiate(loaded, soon);
		try {
			return glue.expandRow(row);
		} catch (error) {
			glue = undefined;
			throw trapError(error);
		}
	};
}
