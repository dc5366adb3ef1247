import type { Bytes } from "../common/bytes.js";
import type { SegmentStatus } from "../types.js";
import { broken, FrameReader } from "./reader.js";

/** One page of names. */
export interface NamesPage {
	readonly more: boolean;
	readonly names: readonly string[];
}

/** u8 more, u32 count, count x {u32 length, UTF-8}. */
export function readNames(bytes: Bytes): NamesPage {
	const reader = new FrameReader(bytes);
	const more = reader.u8() === 1;
	const count = reader.u32();
	const names: string[] = [];
	for (let i = 0; i < count; i++) names.push(reader.text());
	return { more, names };
}

/** An entry's id. */
export interface Place {
	readonly ms: number;
	readonly n: number;
}

/** Statuses that changed, and where to ask from next. */
export interface ChangesPage {
	readonly next: Place;
	/** Up to where the space is trimmed. */
	readonly trimmed: Place;
	readonly statuses: readonly SegmentStatus[];
}

/** u64 ms, u64 n, twice; u32 count, count x {u32 length, segment, 4 x f64}. */
export function readChanges(bytes: Bytes, space: string): ChangesPage {
	const reader = new FrameReader(bytes);
	const next = { ms: reader.u64(), n: reader.u64() };
	const trimmed = { ms: reader.u64(), n: reader.u64() };
	const count = reader.u32();
	const statuses: SegmentStatus[] = [];
	for (let i = 0; i < count; i++) {
		const segment = reader.text();
		statuses.push({
			space,
			segment,
			firstSequence: reader.f64(),
			firstTimestamp: reader.f64(),
			lastSequence: reader.f64(),
			lastTimestamp: reader.f64(),
		});
	}
	return { next, trimmed, statuses };
}

/** The status at a position of [firstSequence, firstTimestamp, lastSequence, lastTimestamp, ...]. */
export function readStatus(numbers: Float64Array, space: string, segment: string, at = 0): SegmentStatus {
	if (numbers.length < at + 4) throw broken("a status has four numbers");
	return {
		space,
		segment,
		firstSequence: numbers[at] as number,
		firstTimestamp: numbers[at + 1] as number,
		lastSequence: numbers[at + 2] as number,
		lastTimestamp: numbers[at + 3] as number,
	};
}
