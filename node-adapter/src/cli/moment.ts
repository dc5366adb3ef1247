import { parseIsoTime } from "./values.js";

/** A moment by which lines are ordered. */
export interface Moment {
	/** As near as a number comes to it. */
	readonly at: number;
	readonly text: string;
}

/** A number or a time in ISO 8601; undefined when it is neither. */
export function parseMoment(text: string): Moment | undefined {
	const number = text.trim() === "" ? Number.NaN : Number(text);
	const at = Number.isFinite(number) ? number : parseIsoTime(text);
	return at === undefined ? undefined : { at, text };
}

/** Below 0 when the first one is earlier. Digits that a number has no room for count, such as those of nanoseconds. */
export function compareMoments(a: Moment, b: Moment): number {
	return a.at - b.at || compareDecimals(a.text, b.text);
}

const DECIMAL = /^\s*(-?\d+)(?:\.(\d+))?\s*$/;

/** The order of two numbers as they are written out; 0 for what is written otherwise. */
function compareDecimals(a: string, b: string): number {
	const [, wholeA, restA = ""] = DECIMAL.exec(a) ?? [];
	const [, wholeB, restB = ""] = DECIMAL.exec(b) ?? [];
	if (wholeA === undefined || wholeB === undefined) return 0;
	const places = Math.max(restA.length, restB.length);
	const [left, right] = [BigInt(wholeA + restA.padEnd(places, "0")), BigInt(wholeB + restB.padEnd(places, "0"))];
	return left < right ? -1 : left > right ? 1 : 0;
}
