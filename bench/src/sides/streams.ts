// Our streams, on the directory store of @streamkit/node. Payloads are given as UTF-8 bytes, and go to one partition.

import type { Store } from "streamkit";
import { batches, type Events } from "../data.js";
import { inFlight } from "../in-flight.js";
import { Tally } from "../tally.js";
import { type Side, timed } from "../timing.js";
import { fill, type Opening, open, reading as readingStore, writing } from "./streamkit.js";

export const STREAM = "orders";
const PAGE = 1000;

/** Everything in the stream in pages, every payload touched. */
async function readAll(store: Store): Promise<Tally> {
	const tally = new Tally();
	let after = "0-0";
	for (;;) {
		const entries = await store.streams.read(STREAM, { after, limit: PAGE });
		const last = entries[entries.length - 1];
		if (last === undefined) return tally;
		for (const entry of entries) tally.bytes(entry.payload);
		after = last.id;
	}
}

/** Appends in batches, each awaited. */
async function appendAll(store: Store, all: readonly Uint8Array[][]): Promise<void> {
	for (const batch of all) await store.streams.append(STREAM, batch);
}

/** Appends so many records: the events, again and again. */
export async function appendRepeated(store: Store, events: Events, count: number): Promise<void> {
	for (let written = 0; written < count; ) {
		const part = events.bytes.slice(0, count - written);
		await appendAll(store, batches(part, PAGE));
		written += part.length;
	}
}

/** Batches, each one awaited append. */
export function appending(name: string, opening: Opening, events: Events, size: number, expected: Tally): Side {
	const all = batches(events.bytes, size);
	return writing(name, opening, expected, (store) => appendAll(store, all), readAll);
}

/** Single appends with so many in flight. */
export function appendingSingles(
	name: string,
	opening: Opening,
	events: Events,
	callers: number,
	expected: Tally,
): Side {
	const append = (store: Store) =>
		inFlight(events.count, callers, (index) => store.streams.append(STREAM, events.bytes[index] as Uint8Array));
	return writing(name, opening, expected, append, readAll);
}

/** Writes a store with everything in its stream, for all rounds of reads. */
export async function written(folder: string, events: Events): Promise<void> {
	await fill(folder, "none", false, (store) => appendAll(store, batches(events.bytes, PAGE)));
}

/** Reads of everything in pages of 1,000. */
export const reading = (name: string, stored: string, expected: Tally): Side =>
	readingStore(name, stored, expected, readAll);

/** Everything in the stream through a group, so many at a time, each read acknowledged before the next. */
export function consuming(name: string, opening: Opening, events: Events, size: number, expected: Tally): Side {
	return {
		name,
		async run(folder) {
			const store = await open(folder, opening);
			await appendAll(store, batches(events.bytes, PAGE));
			const group = store.streams.group(STREAM, "workers");
			await group.create();
			const tally = new Tally();
			const milliseconds = await timed(async () => {
				for (;;) {
					const deliveries = await group.read("worker", { limit: size });
					if (deliveries.length === 0) break;
					for (const { entry } of deliveries) tally.bytes(entry.payload);
					const ids = deliveries.map(({ entry }) => entry.id);
					if ((await group.ack("worker", ids)) !== ids.length) throw new Error(`${name}: not all were pending`);
				}
			});
			await store.close();
			tally.check(name, expected);
			return { count: events.count, milliseconds };
		},
	};
}
