import { checkInteger, checkName, optionalInteger, TIMESTAMP_END } from "../common/validate.js";
import { invalid, limitExceeded } from "../errors.js";
import { MODES } from "./group-frames.js";
import { FIRST, type Id, parseId, parseLowerBound, usualId } from "./ids.js";
import type { GroupOptions } from "./types.js";

const MOST_SLOTS = 4096;
const MOST_MS = TIMESTAMP_END - 1;
/** Most ids of one call. */
const MOST_IDS = 1000;

/** Options of a group as the engine takes them. */
export interface EngineGroupOptions {
	readonly mode: number;
	/** ms of -1: the end. */
	readonly start: Id;
	readonly ackTimeout: number;
	readonly maxDeliver: number;
	readonly consumerTimeout: number;
	/** -1: any number. */
	readonly maxStandbys: number;
	readonly slots: number;
	readonly deadLetterStream: string | undefined;
}

/** Whole milliseconds of at least `min`. */
function milliseconds(argument: string, value: unknown, min: number, fallback: number): number {
	return optionalInteger(argument, value, min, fallback, MOST_MS);
}

/** Options of create. */
export function checkGroupOptions(options: GroupOptions): EngineGroupOptions {
	const { mode = "shared", start, maxStandbys, deadLetterStream } = options;
	const index = MODES.indexOf(mode);
	if (index < 0) throw invalid("mode", 'must be "shared", "exclusive" or "key_shared"');
	let from = FIRST;
	if (start === "$") from = { ms: -1, n: 0 };
	else if (start !== undefined) from = parseLowerBound("start", start);
	if (deadLetterStream !== undefined) checkName("deadLetterStream", deadLetterStream);
	return {
		mode: index,
		start: from,
		ackTimeout: milliseconds("ackTimeout", options.ackTimeout, 0, 30_000),
		maxDeliver: optionalInteger("maxDeliver", options.maxDeliver, 0, 10),
		consumerTimeout: milliseconds("consumerTimeout", options.consumerTimeout, 1, 30_000),
		maxStandbys: optionalInteger("maxStandbys", maxStandbys, 0, -1, Number.MAX_SAFE_INTEGER - 1),
		slots: optionalInteger("slots", options.slots, 1, 256, MOST_SLOTS),
		deadLetterStream,
	};
}

/** The ids of a call, as pairs of numbers. */
export function checkIds(ids: unknown): Float64Array {
	if (!Array.isArray(ids)) throw invalid("ids", "must be an array of ids <ms>-<n>");
	if (ids.length > MOST_IDS) throw limitExceeded("ids", MOST_IDS, ids.length);
	const numbers = new Float64Array(ids.length * 2);
	for (let i = 0; i < ids.length; i++) {
		const { ms, n } = usualId(ids[i]) ?? parseId(`ids[${i}]`, ids[i]);
		numbers[2 * i] = ms;
		numbers[2 * i + 1] = n;
	}
	return numbers;
}

/** A delay or an extension. */
export function checkMilliseconds(argument: string, value: unknown): asserts value is number {
	checkInteger(argument, value, 0, MOST_MS);
}
