// Ours, opened with its defaults: in a browser they are relaxed, and the host says that bytes need no compression.

import { openStore, type RecordInput, type Store } from "streamkit";
import { indexedDbHost } from "streamkit/indexeddb";
import type { EventObject } from "../../../src/data.js";
import { inFlight } from "../../../src/in-flight.js";
import { Tally } from "../../../src/tally.js";
import { timed } from "../../../src/timing.js";
import {
	batches,
	eventBytes,
	eventObjects,
	expectedBytes,
	expectedObjects,
	removeDatabase,
	type Side,
} from "../side.js";

const SPACE = "orders";
const SEGMENT = "order-1";
const SEGMENTS = 100;
const IN_FLIGHT = 1000;

async function withStore<T>(database: string, work: (store: Store) => Promise<T>): Promise<T> {
	const host = await indexedDbHost(database);
	const store = await openStore(host);
	try {
		return await work(store);
	} finally {
		await store.close();
		await host.close?.();
	}
}

async function produceAll(store: Store, all: Iterable<readonly RecordInput[]>): Promise<void> {
	for (const batch of all) await store.produce(SPACE, SEGMENT, batch);
}

async function readBytes(store: Store, segment = SEGMENT): Promise<Tally> {
	const tally = new Tally();
	for await (const page of store.consumeSegment({ space: SPACE, segment }).pages()) {
		for (const { payload } of page) tally.bytes(payload);
	}
	return tally;
}

async function readObjects(store: Store): Promise<Tally> {
	const tally = new Tally();
	for await (const page of store.consumeSegment({ space: SPACE, segment: SEGMENT }).pages()) {
		for (const entry of page) tally.object(entry.json<EventObject>());
	}
	return tally;
}

/** Batches of bytes. */
export const producing: Side = {
	async run(database, count) {
		const all = batches(eventBytes(count).map((payload) => ({ payload })));
		const milliseconds = await withStore(database, (store) => timed(() => produceAll(store, all)));
		(await withStore(database, readBytes)).check("ours", expectedBytes(count));
		await removeDatabase(database);
		return milliseconds;
	},
};

/** Single appends with the sequence that each expects, 1,000 in flight. */
export const publishingExpected: Side = {
	async run(database, count) {
		const events = eventBytes(count);
		const issued = new Array<number>(SEGMENTS).fill(0);
		const milliseconds = await withStore(database, (store) =>
			timed(() =>
				inFlight(count, IN_FLIGHT, async (index) => {
					const segment = index % SEGMENTS;
					const expectedSequence = issued[segment] as number;
					issued[segment] = expectedSequence + 1;
					const payload = events[index] as Uint8Array;
					const { lastSequence } = await store.publish(SPACE, `order-${segment}`, payload, { expectedSequence });
					if (lastSequence !== expectedSequence + 1) throw new Error(`sequence ${lastSequence}`);
				}),
			),
		);
		const found = await withStore(database, async (store) => {
			const tallies = await Promise.all(issued.map((_, segment) => readBytes(store, `order-${segment}`)));
			return tallies.reduce((sum, tally) => sum + tally.count, 0);
		});
		if (found !== count) throw new Error(`ours: ${found} of ${count} were stored`);
		await removeDatabase(database);
		return milliseconds;
	},
};

/** A segment of bytes, read from its beginning to its end. */
export const reading: Side = {
	async prepare(database, count) {
		const all = batches(eventBytes(count).map((payload) => ({ payload })));
		await withStore(database, (store) => produceAll(store, all));
	},
	async run(database, count) {
		let tally = new Tally();
		const milliseconds = await withStore(database, (store) =>
			timed(async () => {
				tally = await readBytes(store);
			}),
		);
		tally.check("ours", expectedBytes(count));
		return milliseconds;
	},
	remove: removeDatabase,
};

function* asRecords(objects: readonly EventObject[][]): Iterable<RecordInput[]> {
	for (const batch of objects) yield batch.map((event) => ({ payload: JSON.stringify(event) }));
}

/** Batches of objects; making JSON of them is part of it. */
export const producingObjects: Side = {
	async run(database, count) {
		const all = batches(eventObjects(count));
		const milliseconds = await withStore(database, (store) => timed(() => produceAll(store, asRecords(all))));
		(await withStore(database, readObjects)).check("ours", expectedObjects(count));
		await removeDatabase(database);
		return milliseconds;
	},
};

/** A segment of JSON, every payload parsed. */
export const readingObjects: Side = {
	async prepare(database, count) {
		await withStore(database, (store) => produceAll(store, asRecords(batches(eventObjects(count)))));
	},
	async run(database, count) {
		let tally = new Tally();
		const milliseconds = await withStore(database, (store) =>
			timed(async () => {
				tally = await readObjects(store);
			}),
		);
		tally.check("ours", expectedObjects(count));
		return milliseconds;
	},
	remove: removeDatabase,
};
