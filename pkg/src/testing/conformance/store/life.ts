import { assert, equal, refuses } from "../assert.js";
import { type Case, needsReopening } from "../case.js";
import { facts, numbered, readSpace } from "./entries.js";

export const lifeCases: readonly Case[] = [
	{
		name: "a store keeps its id, and a host holds one store",
		async run(setting) {
			const store = await setting.store();
			equal((await setting.store({ storeId: store.id })).id, store.id, "store id");
			const other = "0190a1b2-0000-7000-8000-000000000000";
			await refuses("CONFLICT", () => setting.store({ storeId: other }), "another store on the host");
		},
	},
	{
		name: "a store is there after its host was reopened",
		needs: [needsReopening],
		async run(setting) {
			const store = await setting.store();
			await store.produce("s", "a", numbered(3));
			await store.publish("s", "b", "4", { durability: "strict" });
			const before = facts(await readSpace(store, "s"));
			await store.close();
			const again = await setting.store({}, await setting.reopen());
			equal(again.id, store.id, "store id");
			equal(facts(await readSpace(again, "s")), before, "entries");
			equal((await again.publish("s", "a", "5", { expectedSequence: 3 })).lastSequence, 4, "last sequence");
		},
	},
	{
		name: "verifying finds what was written, and nothing wrong",
		async run(setting) {
			const store = await setting.store();
			await store.transact([
				{ space: "s", segment: "a", records: numbered(3) },
				{ space: "s", segment: "b", records: numbered(2) },
			]);
			await refuses("SEQUENCE_MISMATCH", () => store.publish("s", "a", "x", { expectedSequence: 1 }), "an append");
			await store.publish("s", "b", "3");
			const report = await store.verify();
			equal(report.problems, [], "problems");
			equal([report.entries, report.segments, report.spaces], [6, 2, 1], "entries, segments and spaces");
		},
	},
	{
		name: "health says what the store runs on",
		async run(setting) {
			const { host } = setting;
			const store = await setting.store({ durability: "relaxed" });
			const health = await store.health();
			equal(health.host, host.name, "host");
			equal(health.durability, "relaxed", "durability");
			equal(health.limits.maxValueBytes, host.limits.maxValueBytes, "limits.maxValueBytes");
			equal(health.pendingTransactions, 0, "pending transactions");
			assert(
				Array.isArray(health.warnings) && health.warnings.every((warning) => typeof warning === "string"),
				"warnings must be sentences",
			);
			const promises = host.limits.checks && host.limits.consistent && host.limits.atomic !== "none";
			assert(promises || health.warnings.length > 0, "what the host cannot promise must be among the warnings");
		},
	},
	{
		name: "a closed store is CLOSED, and its host still open",
		async run(setting) {
			const store = await setting.store();
			await store.publish("s", "a", "1");
			await store.close();
			await store.close();
			await refuses("CLOSED", () => store.publish("s", "a", "2"), "publish");
			await refuses("CLOSED", () => store.peek("s", "a"), "peek");
			await refuses("CLOSED", () => readSpace(store, "s"), "a read");
			equal((await readSpace(await setting.store(), "s")).length, 1, "entries in a store opened after it");
		},
	},
];
