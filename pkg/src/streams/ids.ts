import { TIMESTAMP_END } from "../common/validate.js";
import { invalid } from "../errors.js";

/** An id "<ms>-<n>". */
export interface Id {
	readonly ms: number;
	readonly n: number;
}

/** Before every id. */
export const FIRST: Id = Object.freeze({ ms: 0, n: 0 });

const LAST_N = Number.MAX_SAFE_INTEGER;

const FORM = /^(0|[1-9][0-9]{0,15})(?:-(0|[1-9][0-9]{0,15}))?$/;

/** The text form of an id. */
export function idText(ms: number, n: number): string {
	return `${ms}-${n}`;
}

/**
 * Reads "<ms>-<n>"; where n is given for it, "<ms>" too.
 * @throws INVALID_ARGUMENT for anything else, and for numbers beyond their limits.
 */
export function parseId(argument: string, value: unknown, missingN?: number): Id {
	const parts = typeof value === "string" ? FORM.exec(value) : null;
	const forms = missingN === undefined ? "must be an id <ms>-<n>" : "must be an id <ms>-<n>, or <ms>";
	if (parts === null) throw invalid(argument, `${forms}, of decimal numbers without leading zeros`);
	if (parts[2] === undefined && missingN === undefined) throw invalid(argument, forms);
	const ms = Number(parts[1]);
	const n = parts[2] === undefined ? (missingN as number) : Number(parts[2]);
	if (ms >= TIMESTAMP_END || n > LAST_N) throw invalid(argument, `${forms}, with ms below 2^48 and n below 2^53`);
	return { ms, n };
}

/** Numbers of more digits may be beyond their limits. */
const USUAL_DIGITS = 15;
const ZERO = 0x30;
const NINE = 0x39;

/** Reads an id as most are, without the cost of a regular expression; undefined for others, which need not be wrong. */
export function usualId(value: unknown): Id | undefined {
	if (typeof value !== "string") return undefined;
	const dash = value.indexOf("-");
	const ms = usualNumber(value, 0, dash);
	const n = usualNumber(value, dash + 1, value.length);
	return ms < 0 || ms >= TIMESTAMP_END || n < 0 ? undefined : { ms, n };
}

/** The number between two places, if it is written as most are: without leading zeros, and not too long. Else -1. */
function usualNumber(text: string, start: number, end: number): number {
	const digits = end - start;
	if (digits < 1 || digits > USUAL_DIGITS) return -1;
	if (digits > 1 && text.charCodeAt(start) === ZERO) return -1;
	let value = 0;
	for (let at = start; at < end; at++) {
		const code = text.charCodeAt(at);
		if (code < ZERO || code > NINE) return -1;
		value = value * 10 + (code - ZERO);
	}
	return value;
}

/** The first id that a bound means, of "<ms>" the first of the millisecond. */
export function parseLowerBound(argument: string, value: unknown): Id {
	return parseId(argument, value, 0);
}

/** The last id that a bound means, of "<ms>" the last of the millisecond. */
export function parseUpperBound(argument: string, value: unknown): Id {
	return parseId(argument, value, LAST_N);
}

/** The id right before another, (0, 0) before the first. */
export function idBefore({ ms, n }: Id): Id {
	if (n > 0) return { ms, n: n - 1 };
	return ms > 0 ? { ms: ms - 1, n: LAST_N } : FIRST;
}
