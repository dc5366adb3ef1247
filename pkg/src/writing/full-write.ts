import type { Engine } from "../engine/abi.js";
import type { EngineSlot } from "../engine/slot.js";

/** Runs a write of the full engine that a signal takes back until it is handed to the host. */
export async function fullWrite<T>(
	slot: EngineSlot,
	signal: AbortSignal | undefined,
	start: (engine: Engine, tag: number) => Promise<T>,
): Promise<T> {
	if (signal?.aborted === true) throw signal.reason;
	const tag = signal === undefined ? 0 : slot.nextTag();
	return slot.callFull("write", (engine) => start(engine, tag), signal, tag);
}
