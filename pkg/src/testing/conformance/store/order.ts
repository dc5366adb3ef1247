import type { Offset } from "../../../types.js";
import { manualClock } from "../../clock.js";
import { assert, equal, refuses } from "../assert.js";
import { type Case, needsChecks, needsConsistency, needsQuickCommits, needsSecond } from "../case.js";
import { facts, idParts, lines, numbered, readSegment, readSpace } from "./entries.js";

export const orderCases: readonly Case[] = [
	{
		name: "ids increase strictly over a space, also when the clock goes back",
		async run(setting) {
			const clock = manualClock(1_700_000_000_000);
			const store = await setting.store({ clock });
			await store.produce("s", "a", numbered(2));
			clock.advance(5);
			await store.publish("s", "b", "3");
			clock.advance(-1000);
			await store.publish("s", "a", "4");
			const entries = await readSpace(store, "s");
			equal(lines(entries), ["a/1=1", "a/2=2", "b/1=3", "a/3=4"], "entries in commit order");
			equal(
				entries.map(({ id }) => id),
				["1700000000000-0", "1700000000000-1", "1700000000005-0", "1700000000005-1"],
				"ids",
			);
			for (const { id, timestamp } of entries) equal(timestamp, idParts(id)[0], "timestamp");
		},
	},
	{
		name: "an offset resumes just after its entry",
		async run(setting) {
			const store = await setting.store();
			await store.produce("s", "a", numbered(2));
			await store.produce("s", "b", numbered(2));
			const all = await readSpace(store, "s");
			equal(all.length, 4, "entries");
			for (const [i, entry] of all.entries()) {
				const key = entry.spaceOffset();
				for (const offset of [key, key.bytes, key.toHex()] satisfies Offset[]) {
					const rest = await store.consumeSpace({ space: "s", offset }).toArray();
					equal(facts(rest), facts(all.slice(i + 1)), `the space after entry ${i}`);
				}
				const { segment, sequence } = entry;
				const rest = await store.consumeSegment({ space: "s", segment, offset: entry.segmentOffset() }).toArray();
				equal(
					rest.map((one) => one.sequence),
					sequence === 1 ? [2] : [],
					`the segment after entry ${i}`,
				);
			}
			equal(facts(await store.consumeSpace({ space: "s", offset: "" }).toArray()), facts(all), "from the beginning");
			const offset = (all[0] as (typeof all)[number]).spaceOffset();
			await refuses(
				"INVALID_ARGUMENT",
				() => store.consumeSpace({ space: "other", offset }).toArray(),
				"an offset of another space",
			);
		},
	},
	{
		name: "a read is bounded by sequence, by time and by count",
		async run(setting) {
			const clock = manualClock(1_700_000_000_000);
			const store = await setting.store({ clock });
			await store.produce("s", "a", numbered(3));
			clock.advance(10);
			await store.produce("s", "a", numbered(2, 4));
			const read = async (bounds: object): Promise<string> =>
				(await store.consumeSegment({ space: "s", segment: "a", ...bounds }).toArray())
					.map((entry) => entry.text())
					.join(" ");
			equal(await read({ minSequence: 2, maxSequence: 4 }), "2 3 4", "from 2 to 4");
			equal(await read({ minSequence: 6 }), "", "from 6");
			equal(await read({ limit: 2 }), "1 2", "two");
			equal(await read({ minTimestamp: 1_700_000_000_001 }), "4 5", "later");
			equal(await read({ maxTimestamp: 1_700_000_000_009 }), "1 2 3", "earlier");
		},
	},
	{
		name: "a space read resumed under concurrent writers gives each entry once, in order",
		needs: [needsSecond, needsChecks, needsConsistency, needsQuickCommits],
		async run(setting) {
			const writers = [await setting.store(), await setting.store({}, await setting.second())];
			const reader = writers[0] as (typeof writers)[number];
			const each = 8;
			const writing = Promise.all(
				writers.map(async (store, i) => {
					for (let n = 0; n < each; n++) await store.publish("s", `segment-${n % 3}`, `${i}.${n}`);
				}),
			);
			const seen: string[] = [];
			const ids: string[] = [];
			let offset = "";
			// Every read is a new one that knows nothing but where the last one ended.
			const readOn = async (limit: number): Promise<number> => {
				const entries = await reader.consumeSpace({ space: "s", offset, limit }).toArray();
				for (const entry of entries) {
					seen.push(entry.text());
					ids.push(entry.id);
					offset = entry.spaceOffset().toHex();
				}
				return entries.length;
			};
			let done = false;
			const finished = writing.finally(() => {
				done = true;
			});
			for (let limit = 1; !done; limit = (limit % 5) + 1) {
				await readOn(limit);
				await new Promise((resolve) => setTimeout(resolve, 0));
			}
			await finished;
			while ((await readOn(3)) > 0);
			const expected = writers.flatMap((_, i) => Array.from({ length: each }, (_, n) => `${i}.${n}`));
			equal([...seen].sort(), expected.sort(), "payloads");
			for (let i = 1; i < ids.length; i++) {
				const [[ms, n], [nextMs, nextN]] = [idParts(ids[i - 1] as string), idParts(ids[i] as string)];
				assert(nextMs > ms || (nextMs === ms && nextN > n), `id ${ids[i]} comes after ${ids[i - 1]}`);
			}
		},
	},
	{
		name: "what a store wrote, a store opened later reads",
		async run(setting) {
			const store = await setting.store();
			await store.produce("s", "a", numbered(3));
			const before = facts(await readSpace(store, "s"));
			await store.close();
			const again = await setting.store();
			equal(again.id, store.id, "store id");
			equal(facts(await readSpace(again, "s")), before, "entries");
			equal((await again.publish("s", "a", "4")).lastSequence, 4, "last sequence");
			equal((await readSegment(again, "s", "a")).length, 4, "entries");
		},
	},
];
