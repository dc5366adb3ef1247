// Streams against Redis streams, where redis-server is on the PATH. One stream of one partition, payloads as bytes.
//   append      append() of 1,000 records, relaxed, against pipelines of 1,000 XADD, appendonly off; each awaited
//   in flight   append() of one record by 1,000 callers, strict, against XADD by as many, appendfsync always
//   read        read() in pages of 1,000 from a store that was written once for all rounds, and is opened for each,
//               against XRANGE COUNT 1000 of a server that has all of it in memory; each page awaited

import { adding, pipelining, ranging } from "../sides/redis.js";
import { relaxed, strict } from "../sides/streamkit.js";
import { appending, appendingSingles, reading, written } from "../sides/streams.js";
import { tallyOfBytes } from "../tally.js";
import { againstRedis } from "./against-redis.js";
import { makeEvents, some } from "./row.js";

const BAR = 3;

export const streamAppend = againstRedis(
	"stream-append",
	"stream append, batches of 1,000, relaxed",
	BAR,
	(context, redis) => {
		const events = makeEvents(context.events);
		const expected = tallyOfBytes(events);
		return {
			ours: appending("ours", relaxed, events, 1000, expected),
			other: pipelining(`${redis} XADD by 1,000, appendonly off`, "off", events.bytes, 1000, expected),
		};
	},
);

export const streamInFlight = againstRedis(
	"stream-in-flight",
	"stream append, 1,000 in flight, each durable",
	BAR,
	(context, redis) => {
		const events = makeEvents(some(context, 100_000));
		const expected = tallyOfBytes(events);
		return {
			ours: appendingSingles("ours", strict, events, 1000, expected),
			other: adding(`${redis} XADD, appendfsync always`, "always", events.bytes, 1000, expected),
		};
	},
);

export const streamRead = againstRedis("stream-read", "stream read, pages of 1,000", BAR, async (context, redis) => {
	const events = makeEvents(context.events);
	const expected = tallyOfBytes(events);
	const stored = context.folders.fresh();
	await written(stored, events);
	return {
		ours: reading("ours", stored, expected),
		other: ranging(`${redis} XRANGE COUNT 1000`, events.bytes, expected),
	};
});
