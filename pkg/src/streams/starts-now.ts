import { checkName } from "../common/validate.js";
import type { EngineSlot } from "../engine/slot.js";
import { type Place, readChanges } from "../framing/answers.js";
import type { ReadOptions } from "./types.js";

/** Whether what is read begins with what is stored after the call. */
export function startsNow(input: unknown): boolean {
	return (input as ReadOptions | null | undefined)?.start === "$";
}

/**
 * Where a stream ends, asked of whichever engine is there, or comes next: what is appended while the full one is loaded
 * is after the call. In the line of the writes, so that those which are called later wait for it.
 */
export async function endNow(slot: EngineSlot, name: string): Promise<Place> {
	checkName("name", name);
	// Of a segment that no stream has: the end of the space comes along.
	const ask = () => slot.run("read", (engine) => engine.changes(name, "$", -1, 0));
	return readChanges(await slot.inLine(false, ask, undefined), name).next;
}
