import { equal, refuses } from "../assert.js";
import { type Case, needsChecks, needsQuickCommits, needsSecond } from "../case.js";
import { lines, numbered, readSegment } from "./entries.js";

export const sequenceCases: readonly Case[] = [
	{
		name: "sequences are 1, 2, 3 in each segment",
		async run(setting) {
			const store = await setting.store();
			equal((await store.produce("s", "a", numbered(2))).lastSequence, 2, "last sequence");
			equal((await store.publish("s", "b", "1")).lastSequence, 1, "last sequence of another segment");
			const status = await store.publish("s", "a", "3", { metadata: { k: "v" } });
			equal([status.firstSequence, status.lastSequence], [1, 3], "first and last sequence");
			const entries = await readSegment(store, "s", "a");
			equal(lines(entries), ["a/1=1", "a/2=2", "a/3=3"], "entries");
			equal(
				entries.map(({ metadata }) => metadata),
				[{}, {}, { k: "v" }],
				"metadata",
			);
			equal(lines(await readSegment(store, "s", "b")), ["b/1=1"], "entries of another segment");
		},
	},
	{
		name: "an expected sequence that is not the next is refused, with both, and leaves nothing",
		async run(setting) {
			const store = await setting.store();
			await store.produce("s", "a", numbered(2), { expectedSequence: 0 });
			for (const expectedSequence of [0, 1, 3]) {
				const error = await refuses(
					"SEQUENCE_MISMATCH",
					() => store.publish("s", "a", "x", { expectedSequence }),
					`expected ${expectedSequence}`,
				);
				const { expected, actual } = error.details;
				equal([expected, actual], [expectedSequence + 1, 3], "details expected and actual");
			}
			await refuses("SEQUENCE_MISMATCH", () => store.publish("s", "b", "x", { expectedSequence: 1 }), "a new segment");
			equal(await store.getSegmentStatus("s", "b"), undefined, "the new segment's status");
			equal((await store.publish("s", "a", "3", { expectedSequence: 2 })).lastSequence, 3, "last sequence");
			equal(lines(await readSegment(store, "s", "a")), ["a/1=1", "a/2=2", "a/3=3"], "entries");
		},
	},
	{
		name: "a record's own sequence is expected as well",
		async run(setting) {
			const store = await setting.store();
			await store.produce("s", "a", [{ sequence: 1, payload: "1" }, { payload: "2" }]);
			const error = await refuses(
				"SEQUENCE_MISMATCH",
				() => store.produce("s", "a", [{ payload: "3" }, { sequence: 5, payload: "5" }]),
				"the second record",
			);
			equal([error.details["expected"], error.details["actual"]], [5, 4], "details expected and actual");
			equal(lines(await readSegment(store, "s", "a")), ["a/1=1", "a/2=2"], "entries");
		},
	},
	{
		name: "concurrent appends are all stored, each with a sequence of its own",
		async run(setting) {
			const store = await setting.store();
			const statuses = await Promise.all(Array.from({ length: 20 }, (_, i) => store.publish("s", "a", String(i))));
			equal(
				statuses.map(({ lastSequence }) => lastSequence),
				Array.from({ length: 20 }, (_, i) => i + 1),
				"last sequences",
			);
			equal(
				lines(await readSegment(store, "s", "a")),
				Array.from({ length: 20 }, (_, i) => `a/${i + 1}=${i}`),
				"entries",
			);
		},
	},
	{
		name: "of appends that expect the same sequence one wins",
		async run(setting) {
			const store = await setting.store();
			const race = await Promise.allSettled(
				Array.from({ length: 5 }, (_, i) => store.publish("s", "a", String(i), { expectedSequence: 0 })),
			);
			const winners = race.flatMap(({ status }, i) => (status === "fulfilled" ? [i] : []));
			equal(winners.length, 1, "appends that win");
			equal(lines(await readSegment(store, "s", "a")), [`a/1=${winners[0]}`], "entries");
		},
	},
	{
		name: "of two stores that expect the same sequence exactly one wins, round after round",
		needs: [needsSecond, needsChecks, needsQuickCommits],
		async run(setting) {
			const first = await setting.store();
			const second = await setting.store({}, await setting.second());
			const written: string[] = [];
			for (let round = 0; round < 8; round++) {
				const race = await Promise.allSettled(
					[first, second].map((store, i) => store.publish("s", "a", `${round} by ${i}`, { expectedSequence: round })),
				);
				const winners = race.flatMap(({ status }, i) => (status === "fulfilled" ? [i] : []));
				equal(winners.length, 1, `appends that win round ${round}`);
				for (const outcome of race) {
					if (outcome.status === "rejected") {
						await refuses("SEQUENCE_MISMATCH", () => Promise.reject(outcome.reason), "the loser");
					}
				}
				written.push(`a/${round + 1}=${round} by ${winners[0]}`);
			}
			for (const store of [first, second]) equal(lines(await readSegment(store, "s", "a")), written, "entries");
		},
	},
	{
		name: "two stores that append at once lose nothing and double nothing",
		needs: [needsSecond, needsChecks, needsQuickCommits],
		async run(setting) {
			const stores = [await setting.store(), await setting.store({}, await setting.second())];
			await Promise.all(
				stores.map(async (store, i) => {
					for (let n = 0; n < 5; n++) await store.publish("s", "a", `${i}.${n}`);
				}),
			);
			for (const store of stores) {
				const entries = await readSegment(store, "s", "a");
				equal(
					entries.map(({ sequence }) => sequence),
					Array.from({ length: 10 }, (_, i) => i + 1),
					"sequences",
				);
				for (const i of [0, 1]) {
					const own = entries.map((entry) => entry.text()).filter((text) => text.startsWith(`${i}.`));
					equal(
						own,
						Array.from({ length: 5 }, (_, n) => `${i}.${n}`),
						`appends of store ${i}`,
					);
				}
			}
		},
	},
];
