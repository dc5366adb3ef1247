// event-storage 0.8.0 with its default settings (no fsync). It takes and gives objects: turning them into JSON and back
// is its own work.

import { once } from "node:events";
import EventStore from "event-storage";
import type { EventObject } from "../data.js";
import { Tally } from "../tally.js";
import { type Side, timed } from "../timing.js";

const STREAM = "order-1";

async function open(folder: string): Promise<EventStore> {
	const store = new EventStore("bench", { storageDirectory: folder });
	await once(store, "ready");
	return store;
}

/** Resolves when the store says that it has written the events. */
function commit(store: EventStore, events: object | readonly object[]): Promise<void> {
	return new Promise((resolve) => store.commit(STREAM, events, resolve));
}

function readAll(store: EventStore): Tally {
	const tally = new Tally();
	const stream = store.getEventStream<EventObject>(STREAM);
	if (stream !== false) for (const event of stream) tally.object(event);
	return tally;
}

/** Single commits, one after the other. */
export function committing(name: string, objects: readonly EventObject[], expected: Tally): Side {
	return {
		name,
		async run(folder) {
			const store = await open(folder);
			const milliseconds = await timed(async () => {
				for (const object of objects) await commit(store, object);
			});
			readAll(store).check(name, expected);
			store.close();
			return { count: objects.length, milliseconds };
		},
	};
}

/** Writes all events, in batches. */
export async function write(folder: string, all: readonly (readonly EventObject[])[]): Promise<void> {
	const store = await open(folder);
	for (const batch of all) await commit(store, batch);
	store.close();
}

/** Reads a stream that was written before, from a store opened for it; opening is not timed. */
export function reading(name: string, stored: string, expected: Tally): Side {
	return {
		name,
		async run() {
			const store = await open(stored);
			let tally = new Tally();
			const milliseconds = await timed(() => {
				tally = readAll(store);
			});
			store.close();
			tally.check(name, expected);
			return { count: expected.count, milliseconds };
		},
	};
}
