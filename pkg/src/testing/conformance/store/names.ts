import { equal } from "../assert.js";
import { type Case, needsQuickCommits } from "../case.js";
import { collect, lines, numbered, readSegment, readSpace } from "./entries.js";

// In byte order of UTF-8; by UTF-16 the last two would be the other way round.
const NAMES = ["a", "order-1", "order-10", "order-2", "\u{e4}", "\u{ff61}", "\u{10000}"];

export const nameCases: readonly Case[] = [
	{
		name: "names that begin alike do not see each other",
		async run(setting) {
			const store = await setting.store();
			await store.publish("order-1", "order-1", "one");
			await store.publish("order-10", "order-10", "ten");
			equal(lines(await readSpace(store, "order-1")), ["order-1/1=one"], "space order-1");
			equal(lines(await readSpace(store, "order-10")), ["order-10/1=ten"], "space order-10");
			equal(lines(await readSpace(store, "order-")), [], "space order-");
			equal(lines(await readSegment(store, "order-1", "order-1")), ["order-1/1=one"], "segment order-1");
			equal(await collect(store.getSegments("order-1")), ["order-1"], "segments of order-1");
			equal(await store.getSegmentStatus("order-1", "order-10"), undefined, "status of order-10 in order-1");
			equal((await store.peek("order-1", "order-10")).sequence, 0, "sequence of order-10 in order-1");
		},
	},
	{
		name: "segments are listed in byte order, after, below and up to",
		async run(setting) {
			const store = await setting.store();
			await Promise.all([...NAMES].reverse().map((name) => store.publish("s", name, "x")));
			equal(await collect(store.getSegments("s")), NAMES, "all");
			equal(await collect(store.getSegments("s", { prefix: "order-1" })), ["order-1", "order-10"], "prefix");
			equal(await collect(store.getSegments("s", { after: "order-1" })), NAMES.slice(2), "after");
			equal(await collect(store.getSegments("s", { after: "order-1", limit: 2 })), NAMES.slice(2, 4), "limit");
			equal(await collect(store.getSegments("other")), [], "of a space that is not there");
		},
	},
	{
		name: "spaces are listed in byte order, after, below and up to",
		needs: [needsQuickCommits],
		async run(setting) {
			const store = await setting.store();
			equal(await collect(store.getSpaces()), [], "of an empty store");
			await Promise.all([...NAMES].reverse().map((name) => store.publish(name, "a", "x")));
			equal(await collect(store.getSpaces()), NAMES, "all");
			equal(await collect(store.getSpaces({ prefix: "order-1" })), ["order-1", "order-10"], "prefix");
			equal(await collect(store.getSpaces({ after: "order-1", limit: 2 })), NAMES.slice(2, 4), "after, limit");
		},
	},
	{
		name: "the longest names are taken",
		async run(setting) {
			const store = await setting.store();
			const [space, segment] = ["s".repeat(128), "\u{e4}".repeat(64)];
			await store.publish(space, segment, "x");
			equal(await collect(store.getSpaces()), [space], "spaces");
			equal(await collect(store.getSegments(space)), [segment], "segments");
			equal(lines(await readSegment(store, space, segment)), [`${segment}/1=x`], "entries");
			equal(lines(await readSpace(store, space)), [`${segment}/1=x`], "entries of the space");
		},
	},
	{
		name: "peek gives the latest entry, or an empty one, and a status says first and last",
		async run(setting) {
			const store = await setting.store();
			const nothing = await store.peek("s", "a");
			equal([nothing.id, nothing.sequence, nothing.payload.length], ["0-0", 0, 0], "of an empty segment");
			equal(await store.getSegmentStatus("s", "a"), undefined, "its status");
			const status = await store.produce("s", "a", numbered(3));
			const latest = await store.peek("s", "a");
			equal([latest.sequence, latest.text()], [3, "3"], "sequence and payload");
			equal(await store.getSegmentStatus("s", "a"), status, "the status");
			equal([status.firstSequence, status.lastSequence], [1, 3], "first and last sequence");
			equal(status.lastTimestamp, latest.timestamp, "last timestamp");
		},
	},
];
