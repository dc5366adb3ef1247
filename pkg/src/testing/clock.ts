import { checkInteger, optionalInteger } from "../common/validate.js";

/**
 * A clock for OpenOptions.clock that stands still until it is moved. start: milliseconds since the Unix epoch, default
 * 1700000000000.
 */
export function manualClock(start?: number): (() => number) & { advance(ms: number): void; set(ms: number): void } {
	let now = optionalInteger("start", start, 0, 1_700_000_000_000);
	return Object.assign(() => now, {
		advance(ms: number): void {
			checkInteger("ms", ms, Number.MIN_SAFE_INTEGER);
			now += ms;
		},
		set(ms: number): void {
			checkInteger("ms", ms, 0);
			now = ms;
		},
	});
}
