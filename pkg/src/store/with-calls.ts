import type { EngineSlot } from "../engine/slot.js";

/** The calls that only the full engine can answer. */
export type FullCalls = typeof import("./full-calls.js");

/** Those calls, if they are there. The engine carries them without knowing what they are. */
export function callsOf(slot: EngineSlot): FullCalls | undefined {
	return slot.fullCalls as FullCalls | undefined;
}

/** Makes one of those calls; with the options of the call, whose signal ends the loading. */
export function withCalls<T>(slot: EngineSlot, options: unknown, make: (calls: FullCalls) => Promise<T>): Promise<T> {
	const calls = callsOf(slot);
	return calls === undefined ? slot.loadFullCalls(options).then((loaded) => make(loaded as FullCalls)) : make(calls);
}
