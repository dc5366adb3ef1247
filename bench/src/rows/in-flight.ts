// Single appends to one segment, strict, each acknowledged by itself. Both sides are ours.
//   in flight       1,000 callers, each awaiting the answer to its publish() before its next one
//   one at a time   one such caller; fewer events, since each waits for the disk alone

import { atLeast, Lines } from "../lines.js";
import { publishing, strict } from "../sides/streamkit.js";
import { tallyOfBytes } from "../tally.js";
import { race } from "../timing.js";
import { makeEvents, type Row, some } from "./row.js";

const title = "single appends, strict, 1,000 in flight";

export const inFlight: Row = {
	name: "in-flight",
	title,
	async measure(context) {
		const events = makeEvents(some(context, 100_000));
		const few = Math.max(100, Math.round(events.count / 50));
		const medians = await race(
			[
				publishing("1,000 in flight", strict, events, events.count, 1000, tallyOfBytes(events)),
				publishing("one at a time", strict, events, few, 1, tallyOfBytes(events, few)),
			],
			context.rounds,
			context.folders,
		);
		return new Lines(medians).add(title, "1,000 in flight", "one at a time", atLeast(30)).all;
	},
};
