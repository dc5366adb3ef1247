import { memoryHost } from "../../../hosts/memory.js";
import { assert, equal, refuses } from "../assert.js";
import type { Case } from "../case.js";
import { collect, facts, lines, numbered, readSpace } from "./entries.js";

export const transferCases: readonly Case[] = [
	{
		name: "what is exported imports as the same entries, into this host and out of it",
		async run(setting) {
			const elsewhere = await setting.store({}, memoryHost());
			await elsewhere.produce("s", "a", numbered(3));
			await elsewhere.publish("s", "b", "4", { metadata: { k: "v" } });
			const exported = await collect(elsewhere.export());
			const store = await setting.store();
			equal(await store.import(exported), { spaces: 1, segments: 2, entries: 4 }, "the report");
			const expected = facts(await readSpace(elsewhere, "s"));
			equal(facts(await readSpace(store, "s")), expected, "entries");
			await refuses("CONFLICT", () => store.import(exported), "an import into a space that is not empty");
			equal((await store.publish("s", "a", "5")).lastSequence, 4, "last sequence");

			const back = await setting.store({}, memoryHost());
			await back.import(store.export());
			equal(facts(await readSpace(back, "s")), facts(await readSpace(store, "s")), "entries exported again");
			equal(lines(await readSpace(back, "s")), ["a/1=1", "a/2=2", "a/3=3", "b/1=4", "a/4=5"], "entries");
		},
	},
	{
		name: "merging changes no entry",
		async run(setting) {
			const store = await setting.store({ autoCompact: false });
			for (let i = 1; i <= 4; i++) await store.publish("s", i % 2 === 0 ? "even" : "odd", String(i));
			const before = facts(await readSpace(store, "s"));
			const report = await store.compact();
			assert(report.blocksAfter <= report.blocksBefore, "there must not be more blocks than before");
			equal(facts(await readSpace(store, "s")), before, "entries");
			equal(
				lines(await store.consumeSegment({ space: "s", segment: "even" }).toArray()),
				["even/1=2", "even/2=4"],
				"entries",
			);
			equal((await store.verify()).problems, [], "problems");
		},
	},
];
