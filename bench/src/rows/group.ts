// Consumer groups. One stream of one partition, one group, payloads as bytes.
//   read and acknowledge   100 at a time by one consumer, relaxed, against XREADGROUP COUNT 100 and XACK, appendonly off
//   read beside pending    read() of 10 new records while a million are pending with another consumer, against 10 pending:
//                          milliseconds of one read, the median of some; both sides are ours. (With fewer events the two
//                          numbers of pending records shrink alike.)

import { Events } from "../data.js";
import { atMost, Lines } from "../lines.js";
import { consuming as consumingRedis } from "../sides/redis.js";
import { open, relaxed } from "../sides/streamkit.js";
import { appendRepeated, consuming, STREAM } from "../sides/streams.js";
import { tallyOfBytes } from "../tally.js";
import { inRounds, median, mediansOf, timed } from "../timing.js";
import { againstRedis } from "./against-redis.js";
import { type Context, makeEvents, type Row, some } from "./row.js";

export const groupRead = againstRedis(
	"group-read",
	"group read of 100 and acknowledge, relaxed",
	1,
	(context, redis) => {
		const events = makeEvents(some(context, 100_000));
		const expected = tallyOfBytes(events);
		return {
			ours: consuming("ours", relaxed, events, 100, expected),
			other: consumingRedis(`${redis} XREADGROUP and XACK`, events.bytes, 100, expected),
		};
	},
);

const title = "group read of 10";
// Records repeat after so many: a million events of 1 KiB need not be in memory at once.
const DISTINCT = 10_000;
const READS = 50;
const SIZE = 10;

/** Milliseconds of one read of ten new records while so many are pending. */
async function readBesidePending({ folders }: Context, events: Events, pending: number): Promise<number> {
	const folder = folders.fresh();
	const store = await open(folder, relaxed);
	const records = pending + (READS + 1) * SIZE;
	await appendRepeated(store, events, records);
	const group = store.streams.group(STREAM, "workers");
	await group.create({ ackTimeout: 0, consumerTimeout: 3_600_000 });
	for (let taken = 0; taken < pending; ) {
		taken += (await group.read("holder", { limit: Math.min(1000, pending - taken) })).length;
	}
	// What the first call of a consumer has to load is loaded.
	await group.read("worker", { limit: SIZE });
	const times: number[] = [];
	for (let read = 0; read < READS; read++) {
		let count = 0;
		times.push(
			await timed(async () => {
				count = (await group.read("worker", { limit: SIZE })).length;
			}),
		);
		if (count !== SIZE) throw new Error(`${count} records were read, not ${SIZE}`);
	}
	const info = await group.info();
	await store.close();
	folders.remove(folder);
	if (info.pending !== records) throw new Error(`${info.pending} records are pending, not ${records}`);
	return median(times);
}

export const groupPending: Row = {
	name: "group-pending",
	title,
	async measure(context) {
		const most = Math.round((context.events * 10) / 3);
		const sides = [most, Math.min(SIZE, most)].map((pending) => ({
			name: `${pending.toLocaleString("en-US")} pending`,
			pending,
		}));
		const events = new Events(DISTINCT);
		const taken = await inRounds(sides, context.rounds, ({ pending }) => readBesidePending(context, events, pending));
		const [large, small] = sides.map(({ name }) => name) as [string, string];
		const medians = mediansOf(taken, (milliseconds) => milliseconds);
		return new Lines(medians, "ms").add(`${title}: ${large}, against few`, large, small, atMost(1.5)).all;
	},
};
