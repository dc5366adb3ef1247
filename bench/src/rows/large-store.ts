import { batches, Events } from "../data.js";
import type { Folders } from "../folders.js";
import { fill, recordsOf, SEGMENT, SPACE } from "../sides/streamkit.js";
import { type Tally, tallyOfBytes } from "../tally.js";

// Entries repeat after so many: a million events of 1 KiB need not be in memory at once.
const DISTINCT = 50_000;

/** A store with one segment of so many entries, and what reading the first `entries` of it must give. */
export async function largeStore(
	folders: Folders,
	entries: number,
): Promise<{ folder: string; tally: (entries: number) => Tally }> {
	const events = new Events(Math.min(entries, DISTINCT));
	const all = batches(recordsOf(events), 1000);
	const folder = folders.fresh();
	await fill(folder, "none", false, async (store) => {
		for (let written = 0; written < entries; ) {
			for (const batch of all) {
				const part = batch.slice(0, entries - written);
				if (part.length > 0) await store.produce(SPACE, SEGMENT, part);
				written += part.length;
			}
		}
	});
	return { folder, tally: (count) => tallyOfBytes(events, count) };
}
