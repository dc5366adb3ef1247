// Single appends with 1,000 in flight against Redis, where redis-server is on the PATH: publish() and XADD of bytes,
// each awaited by a caller of its own.
//   relaxed   ours against appendfsync everysec
//   strict    ours against appendfsync always

import { adding, leftOut, redisVersion } from "../sides/redis.js";
import { publishing } from "../sides/streamkit.js";
import { tallyOfBytes } from "../tally.js";
import { race } from "../timing.js";
import { Lines, makeEvents, type Row, some } from "./row.js";

const title = "single appends, 1,000 in flight";

export const redis: Row = {
	name: "redis",
	title: `${title}, against Redis`,
	async measure(context) {
		const version = redisVersion();
		if (version === undefined) {
			leftOut();
			return [];
		}
		const events = makeEvents(some(context, 100_000));
		const expected = tallyOfBytes(events);
		const ours = (durability: "strict" | "relaxed") =>
			publishing(durability, { durability, compression: "none" }, events, events.count, 1000, expected);
		const everySecond = `Redis ${version} XADD, fsync everysec`;
		const always = `Redis ${version} XADD, fsync always`;
		const medians = await race(
			[
				ours("relaxed"),
				adding(everySecond, "everysec", events.bytes, 1000, expected),
				ours("strict"),
				adding(always, "always", events.bytes, 1000, expected),
			],
			context.rounds,
			context.folders,
		);
		return new Lines(medians).add(`${title}, relaxed`, "relaxed", everySecond).add(`${title}, strict`, "strict", always)
			.all;
	},
};
