import type { Bytes } from "../bytes.js";
import type { Glue } from "./abi.js";
import type { EngineModule } from "./loader.js";
import { pageMemory } from "./page-memory.js";
import { trapError } from "./traps.js";

/** Gives what expands compressed rows for the light engine, with a full one, so that the call which met one can end. */
export function rowExpander(loadFull: () => Promise<EngineModule>): (row: Bytes) => Promise<Bytes> {
	let glue: Glue | undefined;
	return async (row) => {
		const { module, createGlue } = await loadFull();
		if (glue === undefined) {
			// Without a store: it only expands.
			glue = createGlue({ queueMicrotask, pageMemory });
			glue.initSync({ module });
		}
		try {
			return glue.expandRow(row);
		} catch (error) {
			glue = undefined;
			throw trapError(error);
		}
	};
}
