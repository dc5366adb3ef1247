// Streams against Redis streams, where redis-server is on the PATH. One stream of one partition, payloads as bytes.
//   append      append() of 1,000 records, relaxed, against pipelines of 1,000 XADD, appendonly off; each awaited
//   in flight   append() of one record by 1,000 callers, strict, against XADD by as many, appendfsync always
//   read        read() in pages of 1,000 against XRANGE COUNT 1000, each page awaited

import { adding, leftOut, pipelining, ranging, redisVersion } from "../sides/redis.js";
import { appending, appendingSingles, reading } from "../sides/streams.js";
import { tallyOfBytes } from "../tally.js";
import { race, type Side } from "../timing.js";
import { atLeast, type Context, Lines, makeEvents, type Row, some } from "./row.js";

/** A row of ours against Redis, with the bar of all of them. */
function againstRedis(
	name: string,
	title: string,
	sides: (context: Context, redis: string) => { ours: Side; other: Side },
): Row {
	return {
		name,
		title,
		async measure(context) {
			const version = redisVersion();
			if (version === undefined) {
				leftOut();
				return [];
			}
			const { ours, other } = sides(context, `Redis ${version}`);
			const medians = await race([ours, other], context.rounds, context.folders);
			return new Lines(medians).add(title, ours.name, other.name, atLeast(3)).all;
		},
	};
}

const relaxed = { durability: "relaxed", compression: "none" } as const;
const strict = { durability: "strict", compression: "none" } as const;

export const streamAppend = againstRedis(
	"stream-append",
	"stream append, batches of 1,000, relaxed",
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
	(context, redis) => {
		const events = makeEvents(some(context, 100_000));
		const expected = tallyOfBytes(events);
		return {
			ours: appendingSingles("ours", strict, events, 1000, expected),
			other: adding(`${redis} XADD, appendfsync always`, "always", events.bytes, 1000, expected),
		};
	},
);

export const streamRead = againstRedis("stream-read", "stream read, pages of 1,000", (context, redis) => {
	const events = makeEvents(context.events);
	const expected = tallyOfBytes(events);
	return {
		ours: reading("ours", relaxed, events, expected),
		other: ranging(`${redis} XRANGE COUNT 1000`, events.bytes, expected),
	};
});
