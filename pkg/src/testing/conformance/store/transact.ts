import { equal, refuses } from "../assert.js";
import { type Case, needsBatches } from "../case.js";
import { lines, numbered, readSpace, trxId } from "./entries.js";

export const transactCases: readonly Case[] = [
	{
		name: "transact over segments of one space is all or nothing",
		async run(setting) {
			const store = await setting.store();
			const statuses = await store.transact([
				{ space: "s", segment: "b", records: numbered(2) },
				{ space: "s", segment: "a", records: numbered(1) },
			]);
			equal(
				statuses.map(({ segment, lastSequence }) => `${segment}=${lastSequence}`),
				["b=2", "a=1"],
				"statuses",
			);
			await refuses(
				"SEQUENCE_MISMATCH",
				() =>
					store.transact([
						{ space: "s", segment: "a", records: numbered(1) },
						{ space: "s", segment: "b", records: [{ sequence: 9, payload: "x" }] },
					]),
				"a write whose second half does not fit",
			);
			const entries = await readSpace(store, "s");
			equal(lines(entries).sort(), ["a/1=1", "b/1=1", "b/2=2"], "entries");
			equal(new Set(entries.map(({ trx }) => trx.id)).size, 1, "TRX ids");
		},
	},
	{
		name: "transact over several spaces is all or nothing",
		needs: [needsBatches],
		async run(setting) {
			const store = await setting.store();
			const write = (sequence: number) => [
				{ space: "t", segment: "a", records: numbered(1) },
				{ space: "s", segment: "a", records: [{ sequence, payload: "s" }] },
			];
			await refuses("SEQUENCE_MISMATCH", () => store.transact(write(2)), "a share that does not fit");
			for (const space of ["s", "t"]) equal(lines(await readSpace(store, space)), [], `space ${space}`);
			const trx = { id: trxId(1) };
			const statuses = await store.transact(write(1), { trx });
			equal(await store.transact(write(1), { trx }), statuses, "the statuses of a retry");
			equal(lines(await readSpace(store, "s")), ["a/1=s"], "space s");
			equal(lines(await readSpace(store, "t")), ["a/1=1"], "space t");
			equal((await store.health()).pendingTransactions, 0, "pending transactions");
		},
	},
	{
		name: "transact over several spaces is refused where rows are committed one by one",
		needs: [({ limits }) => (limits.atomic === "none" ? undefined : "the host commits more than one row")],
		async run(setting) {
			const store = await setting.store();
			await refuses(
				"UNSUPPORTED",
				() =>
					store.transact([
						{ space: "s", segment: "a", records: numbered(1) },
						{ space: "t", segment: "a", records: numbered(1) },
					]),
				"two spaces",
			);
			for (const space of ["s", "t"]) equal(lines(await readSpace(store, space)), [], `space ${space}`);
		},
	},
];
