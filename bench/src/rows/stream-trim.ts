// Trimming a stream of a million records to 10, against trimming one of ten thousand to 10: the time until trim()
// answers. Both sides are ours; rows are collected later, which is not timed. Each round trims a stream of its own, in
// a process of its own, relaxed: a process that has just appended a million events collects garbage meanwhile, and a disk
// that has just written them takes longer to flush whatever comes next. (With fewer events the two sizes shrink alike.)

import { Events } from "../data.js";
import { atMost, Lines } from "../lines.js";
import { inProcess } from "../processes/process.js";
import type { Trimmed } from "../processes/trim.js";
import { fill } from "../sides/streamkit.js";
import { appendRepeated } from "../sides/streams.js";
import { inRounds, mediansOf } from "../timing.js";
import type { Context, Row } from "./row.js";

const title = "stream trim to 10 records";
// Records repeat after so many: a million events of 1 KiB need not be in memory at once.
const DISTINCT = 10_000;
const LEFT = 10;

/** Milliseconds of one trim of a stream of so many records. */
async function trimOnce({ folders }: Context, events: Events, records: number): Promise<number> {
	const folder = folders.fresh();
	await fill(folder, "none", false, (store) => appendRepeated(store, events, records));
	const { milliseconds, count, trimmed, left } = await inProcess<Trimmed>("trim.js", [folder, String(LEFT)]);
	folders.remove(folder);
	if (count !== records || trimmed !== records - LEFT || left !== LEFT) {
		throw new Error(`of ${count} records ${trimmed} were trimmed, and ${left} are left`);
	}
	return milliseconds;
}

export const streamTrim: Row = {
	name: "stream-trim",
	title,
	async measure(context) {
		const sizes = [Math.round((context.events * 10) / 3), Math.max(LEFT + 1, Math.round(context.events / 30))];
		const sides = sizes.map((records) => ({ name: `${records.toLocaleString("en-US")} records`, records }));
		const events = new Events(DISTINCT);
		const taken = await inRounds(sides, context.rounds, ({ records }) => trimOnce(context, events, records));
		const [large, small] = sides.map(({ name }) => name) as [string, string];
		const medians = mediansOf(taken, (milliseconds) => milliseconds);
		return new Lines(medians, "ms").add(`${title}: ${large}, against fewer`, large, small, atMost(1.5)).all;
	},
};
