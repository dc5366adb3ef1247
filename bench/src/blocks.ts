// Events in blocks of the size, and with the framing of entries, that the directory store writes: the same bytes for
// sides that store them with nothing around.

import type { Events } from "./data.js";
import type { Tally } from "./tally.js";

// What the directory store has as blockBytes: 25 pages of LMDB, less the header before a value.
const BLOCK_BYTES = 25 * 4096 - 24;
// An entry is u32 payload length, payload, u32 metadata length (0).
const FRAME_BYTES = 8;

type Bytes = Uint8Array<ArrayBuffer>;

function block(payloads: readonly Uint8Array[]): Bytes {
	const size = payloads.reduce((sum, payload) => sum + payload.length + FRAME_BYTES, 0);
	const bytes = new Uint8Array(size);
	const view = new DataView(bytes.buffer);
	let at = 0;
	for (const payload of payloads) {
		view.setUint32(at, payload.length, true);
		bytes.set(payload, at + 4);
		at += payload.length + FRAME_BYTES;
	}
	return bytes;
}

/** The blocks of every batch of `size` events. */
export function frameBlocks(events: Events, size: number): Bytes[][] {
	const all: Bytes[][] = [];
	for (let start = 0; start < events.count; start += size) {
		const batch: Bytes[] = [];
		let from = start;
		while (from < Math.min(start + size, events.count)) {
			let to = from;
			let bytes = 0;
			while (to < Math.min(start + size, events.count)) {
				const more = (events.bytes[to]?.length ?? 0) + FRAME_BYTES;
				if (bytes + more > BLOCK_BYTES) break;
				bytes += more;
				to++;
			}
			batch.push(block(events.bytes.slice(from, to)));
			from = to;
		}
		all.push(batch);
	}
	return all;
}

/** Counts the payloads of a block. */
export function tallyBlock(tally: Tally, bytes: Uint8Array): void {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	for (let at = 0; at < bytes.length; ) {
		const length = view.getUint32(at, true);
		tally.bytes(bytes.subarray(at + 4, at + 4 + length));
		at += length + FRAME_BYTES;
	}
}
