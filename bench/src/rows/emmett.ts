// Emmett's store in memory against ours in memory (memoryHost): both are given objects and append to one stream,
// awaiting each call. Emmett keeps the objects; ours is given them as JSON, which is part of the time. Fewer events:
// Emmett copies the whole stream with every append.

import { Lines } from "../lines.js";
import { appending, producingInMemory } from "../sides/emmett.js";
import { tallyOfObjects } from "../tally.js";
import { race } from "../timing.js";
import { makeEvents, type Row, some } from "./row.js";

const title = "append in memory";

export const emmett: Row = {
	name: "emmett",
	title,
	async measure(context) {
		const objects = makeEvents(some(context, 10_000)).objects();
		const expected = tallyOfObjects(objects);
		const medians = await race(
			[
				producingInMemory("ours, one by one", objects, 1, expected),
				appending("Emmett, one by one", objects, 1, expected),
				producingInMemory("ours, batches", objects, 1000, expected),
				appending("Emmett, batches of 1,000", objects, 1000, expected),
			],
			context.rounds,
			context.folders,
		);
		return new Lines(medians)
			.add(`${title}, ${objects.length.toLocaleString("en-US")} one by one`, "ours, one by one", "Emmett, one by one")
			.add(`${title}, batches of 1,000`, "ours, batches", "Emmett, batches of 1,000").all;
	},
};
