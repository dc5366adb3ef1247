import type { PendingRow } from "./pending-rows.js";

/** A stored row. */
export interface Pair {
	readonly key: Uint8Array;
	readonly value: Uint8Array;
}

/**
 * Stored rows with the pending ones among them and in their place; both in the same order, downwards when `reverse`.
 */
export function* merged(stored: Iterable<Pair>, pending: Iterator<PendingRow>, reverse: boolean): Generator<Pair> {
	let next = pending.next();
	for (const pair of stored) {
		let replaced = false;
		while (next.done !== true && !replaced) {
			const order = Buffer.compare(next.value.key, pair.key);
			if (reverse ? order < 0 : order > 0) break;
			replaced = order === 0;
			yield* pairOf(next.value);
			next = pending.next();
		}
		if (!replaced) yield pair;
	}
	for (; next.done !== true; next = pending.next()) {
		yield* pairOf(next.value);
	}
}

/** As a stored row: with a key that is the reader's. None when it is deleted. */
function pairOf({ key, value }: PendingRow): Pair[] {
	return value === undefined ? [] : [{ key: key.slice(), value }];
}
