// Emmett 0.42.0, its store in memory: nothing is on a disk. It takes and keeps objects. The row that has it sets our
// memory host beside it, which is given the same objects as JSON.

import { type Event, getInMemoryEventStore } from "@event-driven-io/emmett";
import { memoryHost, openStore } from "streamkit";
import { batches, type EventObject } from "../data.js";
import { Tally } from "../tally.js";
import { type Side, timed } from "../timing.js";
import { readObjects, SEGMENT, SPACE } from "./streamkit.js";

type Order = Event<string, { readonly order: EventObject }>;

/** appendToStream, awaited, with so many events at a time. */
export function appending(name: string, objects: readonly EventObject[], size: number, expected: Tally): Side {
	const all = batches(
		objects.map((order): Order => ({ type: order.type, data: { order } })),
		size,
	);
	return {
		name,
		async run() {
			const store = getInMemoryEventStore();
			const milliseconds = await timed(async () => {
				for (const batch of all) await store.appendToStream<Order>(SEGMENT, batch);
			});
			const tally = new Tally();
			const { events } = await store.readStream<Order>(SEGMENT);
			for (const { data } of events) tally.object(data.order);
			tally.check(name, expected);
			return { count: objects.length, milliseconds };
		},
	};
}

/** Ours in memory: produce, awaited, with so many events at a time. */
export function producingInMemory(name: string, objects: readonly EventObject[], size: number, expected: Tally): Side {
	const all = batches(objects, size);
	return {
		name,
		async run() {
			const store = await openStore(memoryHost(), { durability: "relaxed", compression: "none" });
			const milliseconds = await timed(async () => {
				for (const batch of all) {
					const records = batch.map((order) => ({ payload: JSON.stringify(order) }));
					await store.produce(SPACE, SEGMENT, records);
				}
			});
			const tally = await readObjects(store.consumeSegment({ space: SPACE, segment: SEGMENT }));
			await store.close();
			tally.check(name, expected);
			return { count: objects.length, milliseconds };
		},
	};
}
