// Single appends awaited one by one, where none waits for the disk. Both sides are given the same objects.
//   ours            publish() of JSON.stringify(object), relaxed
//   event-storage   commit() of the object, resolved by its callback; its default settings

import { atLeast, Lines } from "../lines.js";
import { committing } from "../sides/event-storage.js";
import { publishingObjects, relaxed } from "../sides/streamkit.js";
import { tallyOfObjects } from "../tally.js";
import { race } from "../timing.js";
import { makeEvents, type Row, some } from "./row.js";

const title = "single appends awaited one by one, relaxed";

export const appendSingles: Row = {
	name: "append-singles",
	title,
	async measure(context) {
		const objects = makeEvents(some(context, 50_000)).objects();
		const expected = tallyOfObjects(objects);
		const medians = await race(
			[publishingObjects("ours", relaxed, objects, expected), committing("event-storage, commit", objects, expected)],
			context.rounds,
			context.folders,
		);
		return new Lines(medians).add(title, "ours", "event-storage, commit", atLeast(1)).all;
	},
};
