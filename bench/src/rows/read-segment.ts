// Reading one segment from its beginning to its end, from a store that was opened for it; opening is not timed.
//   pages           for await over pages(), every payload touched: one byte in 64, so each of its cache lines is loaded
//   entry by entry  the same by for await over the entries
//   parsed          pages(), every payload parsed by json()
//   compressed      pages() of a store that was compacted with compression "auto"
//   event-storage   for of over getEventStream(): objects, several of their members touched
//   plain objects   what is not storage at all: the events as payloads in an array in memory
// Stores are written once for all rounds: ours by batches of 1,000, and not compacted but where it says so.

import { batches, type Events } from "../data.js";
import type { Folders } from "../folders.js";
import { atLeast, Lines } from "../lines.js";
import * as eventStorage from "../sides/event-storage.js";
import {
	type Compression,
	fill,
	produceAll,
	readEntries,
	reading,
	readObjects,
	readPages,
	recordsOf,
	SEGMENT,
	SPACE,
} from "../sides/streamkit.js";
import { Tally, tallyOfBytes, tallyOfObjects } from "../tally.js";
import { race, type Side, timed } from "../timing.js";
import { makeEvents, type Row } from "./row.js";

const title = "read a segment, all touched";

async function written(folders: Folders, events: Events, compression: Compression, compact: boolean): Promise<string> {
	const folder = folders.fresh();
	await fill(folder, compression, compact, (store) => produceAll(store, batches(recordsOf(events), 1000)));
	return folder;
}

const consuming = (name: string, stored: string, read: typeof readPages, expected: Tally): Side =>
	reading(name, stored, expected, (store) => read(store.consumeSegment({ space: SPACE, segment: SEGMENT })));

function plainObjects(name: string, events: Events, expected: Tally): Side {
	const objects = events.bytes.map((payload, sequence) => ({ sequence, payload }));
	return {
		name,
		async run() {
			const tally = new Tally();
			const milliseconds = await timed(() => {
				for (const { payload } of objects) tally.bytes(payload);
			});
			tally.check(name, expected);
			return { count: expected.count, milliseconds };
		},
	};
}

export const readSegment: Row = {
	name: "read-segment",
	title,
	async measure({ events: count, rounds, folders }) {
		const events = makeEvents(count);
		const expected = tallyOfBytes(events);
		const plain = await written(folders, events, "none", false);
		const compressed = await written(folders, events, "auto", true);
		const objects = events.objects();
		const expectedObjects = tallyOfObjects(objects);
		const peer = folders.fresh();
		await eventStorage.write(peer, batches(objects, 1000));
		objects.length = 0;
		const medians = await race(
			[
				consuming("pages", plain, readPages, expected),
				consuming("entry by entry", plain, readEntries, expected),
				consuming("parsed", plain, readObjects, expectedObjects),
				consuming("compressed", compressed, readPages, expected),
				eventStorage.reading("event-storage, objects", peer, expectedObjects),
				plainObjects("objects in an array in memory", events, expected),
			],
			rounds,
			folders,
		);
		return new Lines(medians)
			.add(title, "pages", "event-storage, objects", atLeast(3))
			.add(`${title}, compacted, auto`, "compressed", "event-storage, objects")
			.add(`${title}, for await over entries`, "entry by entry", "event-storage, objects")
			.add("read a segment, all parsed", "parsed", "event-storage, objects")
			.add(title, "pages", "objects in an array in memory").all;
	},
};
