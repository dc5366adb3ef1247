import type { EngineSlot } from "../engine/instance.js";
import type { Store } from "../store-types.js";

/** What streams need of their store. */
export interface StreamContext {
	readonly slot: EngineSlot;
	readonly limits: Store["limits"];
}
