import { checkInteger, checkName, checkSignal, optionalBoolean, optionsObject } from "../common/validate.js";
import type { Engine } from "../engine/abi.js";
import { invalid } from "../errors.js";
import type { Abortable } from "../types.js";
import { fullWrite } from "../writing/full-write.js";
import type { StreamContext } from "./context.js";
import { idText, parseLowerBound } from "./ids.js";
import type { TrimOptions, TrimResult } from "./types.js";

// The numbers that the engine knows them by.
const KINDS = ["before", "maxCount", "maxAge", "maxBytes"] as const;

/** Removes the oldest records of a stream. */
export async function trimStream(
	{ slot }: StreamContext,
	name: string,
	how: TrimOptions,
	input: Abortable | undefined,
): Promise<TrimResult> {
	checkName("name", name);
	if (typeof how !== "object" || how === null) {
		throw invalid("how", "must be an object with one of before, maxCount, maxAge and maxBytes");
	}
	const given = KINDS.filter((kind) => how[kind] !== undefined);
	const kind = given[0];
	if (kind === undefined || given.length > 1) {
		const found = given.length === 0 ? "none" : given.join(" and ");
		throw invalid("how", `must have exactly one of before, maxCount, maxAge and maxBytes, got ${found}`);
	}
	const dryRun = optionalBoolean("dryRun", how.dryRun, false);
	let [value, n] = [0, 0];
	if (kind === "before") {
		({ ms: value, n } = parseLowerBound("before", how.before));
		if (value === 0 && n === 0) throw invalid("before", "must be above 0-0");
	} else {
		const bound: unknown = how[kind];
		checkInteger(kind, bound, 1);
		value = bound;
	}
	const signal = checkSignal(optionsObject(input).signal);
	const index = KINDS.indexOf(kind);
	const trim = (engine: Engine, tag: number): Promise<Float64Array> =>
		engine.streamTrim(name, index, value, n, dryRun, tag);
	const numbers = await fullWrite(slot, signal, trim);
	return { trimmed: numbers[0] as number, firstId: idText(numbers[1] as number, numbers[2] as number) };
}
