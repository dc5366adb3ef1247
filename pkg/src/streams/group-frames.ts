import type { Bytes } from "../common/bytes.js";
import type { PageBytes } from "../engine/abi.js";
import { listOf, readPage } from "../framing/page.js";
import { broken, FrameReader } from "../framing/reader.js";
import { idText } from "./ids.js";
import type { Delivery, GroupInfo, Pending } from "./types.js";

/** The modes of a group, in the order in which the engine counts them. */
export const MODES = ["shared", "exclusive", "key_shared"] as const;

/** A group as it stands. */
export function readGroup(bytes: Bytes): GroupInfo {
	const reader = new FrameReader(bytes);
	const stream = reader.text();
	const group = reader.text();
	const mode = MODES[reader.u32()];
	if (mode === undefined) throw broken("an unknown mode of a group");
	const pending = reader.u64();
	const trimmedPending = reader.u64();
	const lastDeliveredId = idText(reader.u64(), reader.u64());
	const lag = reader.u64();
	const createdAt = reader.u64();
	const consumers: GroupInfo["consumers"] = [];
	for (let count = reader.u32(); count > 0; count--) {
		consumers.push({ name: reader.text(), active: reader.u32() === 1, pending: reader.u64() });
	}
	return { stream, group, mode, consumers, pending, trimmedPending, lastDeliveredId, lag, createdAt };
}

/** What one step of a read gave, and in how many milliseconds to look again where that is nothing (-1: never). */
export interface Deliveries {
	readonly next: number;
	readonly deliveries: Delivery[];
}

/** A step of a read. */
export function readDeliveries(answer: PageBytes, stream: string): Deliveries {
	const [bytes, ...arrays] = listOf(answer);
	const reader = new FrameReader(bytes);
	const next = reader.f64();
	const runs: { count: number; deliveryCount: number; deadline: number }[] = [];
	for (let left = reader.u32(); left > 0; left--) {
		runs.push({ count: reader.u32(), deliveryCount: reader.u64(), deadline: reader.u64() });
	}
	const page = readPage([bytes.subarray(reader.at), ...arrays], stream);
	const entries = page.entries[Symbol.iterator]();
	const deliveries: Delivery[] = [];
	for (const { count, deliveryCount, deadline } of runs) {
		for (let left = count; left > 0; left--) {
			const { value: entry } = entries.next();
			if (entry === undefined) throw broken("more marks than records");
			deliveries.push({ entry, deliveryCount, deadline });
		}
	}
	if (deliveries.length !== page.count) throw broken("fewer marks than records");
	return { next, deliveries };
}

/** Records that are pending. */
export function readPending(bytes: Bytes): Pending[] {
	const reader = new FrameReader(bytes);
	const records: Pending[] = [];
	for (let count = reader.u32(); count > 0; count--) {
		const id = idText(reader.u64(), reader.u64());
		const consumer = reader.text();
		records.push({
			id,
			consumer,
			deliveryCount: reader.u64(),
			deliveredAt: reader.u64(),
			deadline: reader.u64(),
		});
	}
	return records;
}
