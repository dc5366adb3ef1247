import { type ScanPage, type ScanRange, StreamkitError } from "streamkit";
import type { JournaledEnvironment } from "./journaled-environment.js";
import type { KeyRange } from "./lmdb/environment.js";

/** A page of a range that has keys. To be called while reading. @throws CORRUPT where keys are not in their places. */
export function scanPage(environment: JournaledEnvironment, range: ScanRange): ScanPage {
	const bounds: KeyRange = { start: range.start, end: range.end, reverse: range.reverse === true };
	return range.keysOnly === true ? scanKeys(environment, range, bounds) : scanPairs(environment, range, bounds);
}

function scanPairs(environment: JournaledEnvironment, range: ScanRange, bounds: KeyRange): ScanPage {
	const keys: Uint8Array[] = [];
	const values: Uint8Array[] = [];
	const maxBytes = range.maxBytes ?? Number.POSITIVE_INFINITY;
	let bytes = 0;
	for (const { key, value } of environment.rows(bounds)) {
		requireInPlace(key, keys.at(-1), bounds);
		bytes += environment.lengthOf(value);
		if (keys.length === range.limit || (keys.length > 0 && bytes > maxBytes)) return { keys, values, more: true };
		keys.push(key);
		values.push(environment.valueOf(value));
	}
	return { keys, values, more: false };
}

function scanKeys(environment: JournaledEnvironment, range: ScanRange, bounds: KeyRange): ScanPage {
	const keys: Uint8Array[] = [];
	for (const key of environment.keys(bounds)) {
		requireInPlace(key, keys.at(-1), bounds);
		if (keys.length === range.limit) return { keys, values: [], more: true };
		keys.push(key);
	}
	return { keys, values: [], more: false };
}

/** LMDB has no checksums: a damaged key comes where another one was. */
function requireInPlace(key: Uint8Array, previous: Uint8Array | undefined, { start, end, reverse }: KeyRange): void {
	const isAfter = previous === undefined || Buffer.compare(key, previous) === (reverse ? -1 : 1);
	if (isAfter && Buffer.compare(key, start) >= 0 && Buffer.compare(key, end) < 0) return;
	const hex = Buffer.from(key).toString("hex");
	throw new StreamkitError("CORRUPT", `a damaged page of the database has the key ${hex} out of its place`, {
		details: { key: hex, applied: false },
	});
}
