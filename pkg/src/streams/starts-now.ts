import type { ReadOptions } from "./types.js";

/** Whether what is read begins with what is stored after the call. */
export function startsNow(input: Pick<ReadOptions, "start"> | null | undefined): boolean {
	return typeof input === "object" && input !== null && input.start === "$";
}
