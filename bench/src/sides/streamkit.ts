// Ours: the directory store of @streamkit/node, opened with its defaults but for what a row says. It is given payloads
// as UTF-8 bytes.

import { openDirectory } from "@streamkit/node";
import type { Durability, Entry, EntryStream, OpenOptions, RecordInput, SegmentStatus, Store } from "streamkit";
import { batches, type EventObject, type Events } from "../data.js";
import { Tally } from "../tally.js";
import { type Side, timed } from "../timing.js";

export const SPACE = "orders";
export const SEGMENT = "order-1";
export type Compression = NonNullable<OpenOptions["compression"]>;

export interface Opening {
	readonly durability: Durability;
	readonly compression: Compression;
}

export const open = (folder: string, opening: Opening): Promise<Store> => openDirectory(folder, { ...opening });

/** The records that produce takes. */
export function recordsOf(events: Events): RecordInput[] {
	return events.bytes.map((payload) => ({ payload }));
}

/** Goes through a read by pages, touching every payload. */
export async function readPages(stream: EntryStream): Promise<Tally> {
	const tally = new Tally();
	for await (const page of stream.pages()) {
		for (const entry of page) tally.bytes(entry.payload);
	}
	return tally;
}

/** Goes through a read entry by entry, touching every payload. */
export async function readEntries(stream: AsyncIterable<Entry>): Promise<Tally> {
	const tally = new Tally();
	for await (const entry of stream) tally.bytes(entry.payload);
	return tally;
}

/** Goes through a read by pages, parsing every payload. */
export async function readObjects(stream: EntryStream): Promise<Tally> {
	const tally = new Tally();
	for await (const page of stream.pages()) {
		for (const entry of page) tally.object(entry.json<EventObject>());
	}
	return tally;
}

/** Opens the store afresh, and throws unless its one segment holds what was appended. */
async function check(name: string, folder: string, expected: Tally): Promise<void> {
	const store = await open(folder, { durability: "strict", compression: "none" });
	const tally = await readPages(store.consumeSegment({ space: SPACE, segment: SEGMENT }));
	await store.close();
	tally.check(name, expected);
}

/** Appends one batch after the other to one segment, awaiting each. */
export async function produceAll(store: Store, all: readonly RecordInput[][]): Promise<void> {
	for (const batch of all) await store.produce(SPACE, SEGMENT, batch);
}

/** Batches, each one awaited `produce`. Closing, which flushes what relaxed commits left, is not timed. */
export function producing(name: string, opening: Opening, events: Events, size: number, expected: Tally): Side {
	const all = batches(recordsOf(events), size);
	return {
		name,
		async run(folder) {
			const store = await open(folder, opening);
			const milliseconds = await timed(() => produceAll(store, all));
			await store.close();
			await check(name, folder, expected);
			return { count: events.count, milliseconds };
		},
	};
}

/** Single appends of objects, one after the other: turning each into JSON is part of it. */
export function publishingObjects(
	name: string,
	opening: Opening,
	objects: readonly EventObject[],
	expected: Tally,
): Side {
	return {
		name,
		async run(folder) {
			const store = await open(folder, opening);
			const milliseconds = await timed(async () => {
				for (const object of objects) await store.publish(SPACE, SEGMENT, JSON.stringify(object));
			});
			const tally = await readObjects(store.consumeSegment({ space: SPACE, segment: SEGMENT }));
			await store.close();
			tally.check(name, expected);
			return { count: objects.length, milliseconds };
		},
	};
}

/**
 * Publishes events with so many in flight at any time, each by a caller of its own that awaits its own answer before
 * it publishes the next one. They go to the segments in turn.
 */
export async function publishAll(
	store: Store,
	payloads: readonly Uint8Array[],
	segments: readonly string[],
	inFlight: number,
): Promise<SegmentStatus[]> {
	const answers: SegmentStatus[] = new Array(payloads.length);
	let next = 0;
	async function caller(): Promise<void> {
		while (next < payloads.length) {
			const index = next++;
			const segment = segments[index % segments.length] as string;
			answers[index] = await store.publish(SPACE, segment, payloads[index] as Uint8Array);
		}
	}
	await Promise.all(Array.from({ length: Math.min(inFlight, payloads.length) }, caller));
	return answers;
}

/** Single appends to one segment with so many in flight; 1: one at a time. */
export function publishing(
	name: string,
	opening: Opening,
	events: Events,
	count: number,
	inFlight: number,
	expected: Tally,
): Side {
	const payloads = events.bytes.slice(0, count);
	return {
		name,
		async run(folder) {
			const store = await open(folder, opening);
			let answers: SegmentStatus[] = [];
			const milliseconds = await timed(async () => {
				answers = await publishAll(store, payloads, [SEGMENT], inFlight);
			});
			await store.close();
			answers.forEach(({ lastSequence }, index) => {
				if (lastSequence !== index + 1) throw new Error(`append ${index + 1} was answered with ${lastSequence}`);
			});
			await check(name, folder, expected);
			return { count, milliseconds };
		},
	};
}
