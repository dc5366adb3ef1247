// Ours: the directory store of @streamkit/node, opened with its defaults but for what a row says. It is given payloads
// as UTF-8 bytes.

import { openDirectory } from "@streamkit/node";
import type { Durability, Entry, EntryStream, OpenOptions, RecordInput, SegmentStatus, Store } from "streamkit";
import { batches, type EventObject, type Events } from "../data.js";
import { inFlight } from "../in-flight.js";
import { Tally } from "../tally.js";
import { type Side, timed } from "../timing.js";

export const SPACE = "orders";
export const SEGMENT = "order-1";
export type Compression = NonNullable<OpenOptions["compression"]>;

export interface Opening {
	readonly durability: Durability;
	readonly compression: Compression;
}

/** What a row has that says nothing else of compression. */
export const relaxed: Opening = { durability: "relaxed", compression: "none" };
export const strict: Opening = { durability: "strict", compression: "none" };

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

/** Everything in the one segment, by pages. */
const readSegment = (store: Store): Promise<Tally> =>
	readPages(store.consumeSegment({ space: SPACE, segment: SEGMENT }));

/**
 * A side that writes to a store of its own. Closing, which flushes what relaxed commits left, is not timed, and nor is
 * reading what is there from the store that is opened afresh.
 */
export function writing(
	name: string,
	opening: Opening,
	expected: Tally,
	write: (store: Store) => Promise<unknown>,
	read: (store: Store) => Promise<Tally>,
): Side {
	return {
		name,
		async run(folder) {
			const store = await open(folder, opening);
			const milliseconds = await timed(() => write(store));
			await store.close();
			const afresh = await open(folder, strict);
			const tally = await read(afresh);
			await afresh.close();
			tally.check(name, expected);
			return { count: expected.count, milliseconds };
		},
	};
}

/** A side that reads from a store that was written before, and is opened for it; opening is not timed. */
export function reading(name: string, stored: string, expected: Tally, read: (store: Store) => Promise<Tally>): Side {
	return {
		name,
		async run() {
			const store = await open(stored, strict);
			let tally = new Tally();
			const milliseconds = await timed(async () => {
				tally = await read(store);
			});
			await store.close();
			tally.check(name, expected);
			return { count: expected.count, milliseconds };
		},
	};
}

/** Writes a store, relaxed, and merges its rows where that is asked for. */
export async function fill(
	folder: string,
	compression: Compression,
	compact: boolean,
	write: (store: Store) => Promise<unknown>,
): Promise<void> {
	const store = await open(folder, { durability: "relaxed", compression });
	await write(store);
	if (compact) await store.compact();
	await store.close();
}

/** Appends one batch after the other to one segment, awaiting each. */
export async function produceAll(store: Store, all: readonly RecordInput[][]): Promise<void> {
	for (const batch of all) await store.produce(SPACE, SEGMENT, batch);
}

/** Batches, each one awaited `produce`. */
export function producing(name: string, opening: Opening, events: Events, size: number, expected: Tally): Side {
	const all = batches(recordsOf(events), size);
	return writing(name, opening, expected, (store) => produceAll(store, all), readSegment);
}

/** Single appends of objects, one after the other: turning each into JSON is part of it. */
export function publishingObjects(
	name: string,
	opening: Opening,
	objects: readonly EventObject[],
	expected: Tally,
): Side {
	return writing(
		name,
		opening,
		expected,
		async (store) => {
			for (const object of objects) await store.publish(SPACE, SEGMENT, JSON.stringify(object));
		},
		(store) => readObjects(store.consumeSegment({ space: SPACE, segment: SEGMENT })),
	);
}

/** Publishes events with so many in flight. They go to the segments in turn. */
export function publishAll(
	store: Store,
	payloads: readonly Uint8Array[],
	segments: readonly string[],
	callers: number,
): Promise<SegmentStatus[]> {
	return inFlight(payloads.length, callers, (index) =>
		store.publish(SPACE, segments[index % segments.length] as string, payloads[index] as Uint8Array),
	);
}

/** Single appends to one segment with so many in flight; 1: one at a time. */
export function publishing(
	name: string,
	opening: Opening,
	events: Events,
	count: number,
	callers: number,
	expected: Tally,
): Side {
	const payloads = events.bytes.slice(0, count);
	let answers: SegmentStatus[] = [];
	return writing(
		name,
		opening,
		expected,
		async (store) => {
			answers = await publishAll(store, payloads, [SEGMENT], callers);
		},
		(store) => {
			answers.forEach(({ lastSequence }, index) => {
				if (lastSequence !== index + 1) throw new Error(`append ${index + 1} was answered with ${lastSequence}`);
			});
			return readSegment(store);
		},
	);
}
