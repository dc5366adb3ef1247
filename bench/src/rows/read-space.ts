// Reading a space of 100 segments in the order of its ids, which is the order in which the events were appended.
//   ours            consumeSpace().pages(), every payload touched. Written by publish() with 1,000 in flight, round
//                   robin over the segments, then compacted: the least favourable way to write what is read in order
//   classic-level   one row per event under its number in that order, read by nextv(1000), every value touched.
//                   Written by batches, then compacted as a whole
// Stores are written once for all rounds; opening is not timed.

import type { Events } from "../data.js";
import type { Folders } from "../folders.js";
import { atLeast, Lines } from "../lines.js";
import * as level from "../sides/classic-level.js";
import { type Compression, fill, publishAll, readEntries, reading, readPages, SPACE } from "../sides/streamkit.js";
import { Tally, tallyOfBytes } from "../tally.js";
import { race, type Side, timed } from "../timing.js";
import { makeEvents, type Row } from "./row.js";

const title = "read a space of 100 segments by id, all touched";
const SEGMENTS = Array.from({ length: 100 }, (_, index) => `order-${index}`);

async function written(folders: Folders, events: Events, compression: Compression, compact: boolean): Promise<string> {
	const folder = folders.fresh();
	await fill(folder, compression, compact, (store) => publishAll(store, events.bytes, SEGMENTS, 1000));
	return folder;
}

const consuming = (name: string, stored: string, read: typeof readPages, expected: Tally): Side =>
	reading(name, stored, expected, (store) => read(store.consumeSpace({ space: SPACE })));

function iterating(name: string, stored: string, expected: Tally): Side {
	return {
		name,
		async run() {
			const store = await level.open(stored);
			const tally = new Tally();
			const milliseconds = await timed(() => level.readAll(store, (value) => tally.bytes(value)));
			await store.close();
			tally.check(name, expected);
			return { count: expected.count, milliseconds };
		},
	};
}

export const readSpace: Row = {
	name: "read-space",
	title,
	async measure({ events: count, rounds, folders }) {
		const events = makeEvents(count);
		const expected = tallyOfBytes(events);
		const plain = await written(folders, events, "none", true);
		const compressed = await written(folders, events, "auto", true);
		const asWritten = await written(folders, events, "none", false);
		const peer = folders.fresh();
		await level.writeRows(peer, events, 1000, true);
		const medians = await race(
			[
				consuming("pages", plain, readPages, expected),
				consuming("entry by entry", plain, readEntries, expected),
				consuming("compressed", compressed, readPages, expected),
				consuming("as written", asWritten, readPages, expected),
				iterating("classic-level, nextv(1000)", peer, expected),
			],
			rounds,
			folders,
		);
		return new Lines(medians)
			.add(title, "pages", "classic-level, nextv(1000)", atLeast(3))
			.add(`${title}, auto`, "compressed", "classic-level, nextv(1000)")
			.add(`${title}, not compacted`, "as written", "classic-level, nextv(1000)")
			.add(`${title}, for await`, "entry by entry", "classic-level, nextv(1000)").all;
	},
};
