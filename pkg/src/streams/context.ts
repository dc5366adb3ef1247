import type { EngineSlot } from "../engine/slot.js";
import type { Store } from "../store-types.js";
import type { Sweeper } from "./sweeper.js";

/** What streams need of their store. */
export interface StreamContext {
	readonly slot: EngineSlot;
	readonly limits: Store["limits"];
	readonly sweeper: Sweeper;
}
