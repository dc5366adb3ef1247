import type { EngineSlot } from "../engine/slot.js";
import type { Place } from "../framing/answers.js";
import type { Store } from "../store/types.js";
import type { Sweeper } from "./sweeper.js";

/** What streams need of their store. */
export interface StreamContext {
	readonly slot: EngineSlot;
	readonly limits: Store["limits"];
	readonly sweeper: Sweeper;
	/** Where the stream ended when the call was made, if it starts there and the full engine was not there to ask. */
	readonly end?: Promise<Place> | undefined;
}
