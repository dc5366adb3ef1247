// Single appends with 1,000 in flight against Redis, where redis-server is on the PATH: publish() and XADD of bytes,
// each awaited by a caller of its own.
//   relaxed   ours against appendfsync everysec
//   strict    ours against appendfsync always

import { Lines } from "../lines.js";
import { adding } from "../sides/redis.js";
import { publishing, relaxed, strict } from "../sides/streamkit.js";
import { tallyOfBytes } from "../tally.js";
import { race } from "../timing.js";
import { withRedis } from "./against-redis.js";
import { makeEvents, some } from "./row.js";

const title = "single appends, 1,000 in flight";

export const redis = withRedis("redis", `${title}, against Redis`, async (context, redis) => {
	const events = makeEvents(some(context, 100_000));
	const expected = tallyOfBytes(events);
	const everySecond = `${redis} XADD, fsync everysec`;
	const always = `${redis} XADD, fsync always`;
	const medians = await race(
		[
			publishing("relaxed", relaxed, events, events.count, 1000, expected),
			adding(everySecond, "everysec", events.bytes, 1000, expected),
			publishing("strict", strict, events, events.count, 1000, expected),
			adding(always, "always", events.bytes, 1000, expected),
		],
		context.rounds,
		context.folders,
	);
	return new Lines(medians).add(`${title}, relaxed`, "relaxed", everySecond).add(`${title}, strict`, "strict", always)
		.all;
});
