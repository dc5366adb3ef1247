// Our streams, on the directory store of @streamkit/node. Payloads are given as UTF-8 bytes, and go to one partition.

import type { Store } from "streamkit";
import { batches, type Events } from "../data.js";
import { Tally } from "../tally.js";
import { type Side, timed } from "../timing.js";
import { type Opening, open } from "./streamkit.js";

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

/** Opens the store afresh, and throws unless its stream holds what was appended. */
async function check(name: string, folder: string, expected: Tally): Promise<void> {
	const store = await open(folder, { durability: "strict", compression: "none" });
	const tally = await readAll(store);
	await store.close();
	tally.check(name, expected);
}

/** Appends in batches, each awaited. */
export async function appendAll(store: Store, all: readonly Uint8Array[][]): Promise<void> {
	for (const batch of all) await store.streams.append(STREAM, batch);
}

/** Batches, each one awaited append. Closing is not timed. */
export function appending(name: string, opening: Opening, events: Events, size: number, expected: Tally): Side {
	const all = batches(events.bytes, size);
	return {
		name,
		async run(folder) {
			const store = await open(folder, opening);
			const milliseconds = await timed(() => appendAll(store, all));
			await store.close();
			await check(name, folder, expected);
			return { count: events.count, milliseconds };
		},
	};
}

/** Single appends with so many in flight, each awaited by a caller of its own. */
export function appendingSingles(
	name: string,
	opening: Opening,
	events: Events,
	inFlight: number,
	expected: Tally,
): Side {
	return {
		name,
		async run(folder) {
			const store = await open(folder, opening);
			let next = 0;
			const caller = async (): Promise<void> => {
				while (next < events.count) await store.streams.append(STREAM, events.bytes[next++] as Uint8Array);
			};
			const milliseconds = await timed(() =>
				Promise.all(Array.from({ length: Math.min(inFlight, events.count) }, caller)),
			);
			await store.close();
			await check(name, folder, expected);
			return { count: events.count, milliseconds };
		},
	};
}

/** Reads of everything in pages of 1,000. */
export function reading(name: string, opening: Opening, events: Events, expected: Tally): Side {
	return {
		name,
		async run(folder) {
			const store = await open(folder, opening);
			await appendAll(store, batches(events.bytes, PAGE));
			let tally = new Tally();
			const milliseconds = await timed(async () => {
				tally = await readAll(store);
			});
			await store.close();
			tally.check(name, expected);
			return { count: events.count, milliseconds };
		},
	};
}

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
