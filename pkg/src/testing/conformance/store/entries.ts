import type { Store } from "../../../store/types.js";
import type { Entry, RecordInput } from "../../../types.js";

/** Records with the payloads "from", "from + 1" and so on. */
export function numbered(count: number, from = 1): RecordInput[] {
	return Array.from({ length: count }, (_, i) => ({ payload: String(from + i) }));
}

/** "segment/sequence=payload" of every entry. */
export function lines(entries: Iterable<Entry>): string[] {
	return [...entries].map((entry) => `${entry.segment}/${entry.sequence}=${entry.text()}`);
}

/** Everything about the entries but where they were read from. */
export function facts(entries: Iterable<Entry>): string[] {
	return [...entries].map(({ id, timestamp, segment, sequence, trx, payload, metadata }) =>
		JSON.stringify([id, timestamp, segment, sequence, trx, [...payload], metadata]),
	);
}

/** Everything an iterable gives. */
export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
	const all: T[] = [];
	for await (const one of source) all.push(one);
	return all;
}

export function readSpace(store: Store, space: string): Promise<Entry[]> {
	return store.consumeSpace({ space }).toArray();
}

export function readSegment(store: Store, space: string, segment: string): Promise<Entry[]> {
	return store.consumeSegment({ space, segment }).toArray();
}

/** Counts n from the id "<milliseconds>-<n>". */
export function idParts(id: string): [number, number] {
	const [ms, n] = id.split("-").map(Number);
	return [ms ?? Number.NaN, n ?? Number.NaN];
}

/** A UUID that no other part of a case uses. */
export function trxId(number: number): string {
	return `0190a1b2-0000-7000-8000-${String(number).padStart(12, "0")}`;
}
