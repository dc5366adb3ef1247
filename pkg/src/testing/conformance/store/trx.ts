import { equal, refuses } from "../assert.js";
import { type Case, needsChecks, needsSecond } from "../case.js";
import { lines, numbered, readSegment, trxId } from "./entries.js";

export const trxCases: readonly Case[] = [
	{
		name: "a retry with the same TRX gets the same status and stores nothing",
		async run(setting) {
			const store = await setting.store();
			const trx = { id: trxId(1) };
			const first = await store.produce("s", "a", numbered(2), { trx });
			await store.publish("s", "a", "3");
			equal(await store.produce("s", "a", numbered(2), { trx }), first, "the status of the retry");
			const entries = await readSegment(store, "s", "a");
			equal(lines(entries), ["a/1=1", "a/2=2", "a/3=3"], "entries");
			equal(entries[0]?.trx.id, trx.id, "TRX id");
			equal(entries[1]?.trx.number, 1, "TRX number");
		},
	},
	{
		name: "a retry through a store opened later is known as well",
		async run(setting) {
			const store = await setting.store();
			const trx = { id: trxId(1) };
			const first = await store.publish("s", "a", "1", { trx });
			await store.close();
			const again = await setting.store();
			equal(await again.publish("s", "a", "1", { trx }), first, "the status of the retry");
			equal(lines(await readSegment(again, "s", "a")), ["a/1=1"], "entries");
		},
	},
	{
		name: "a retry through another instance is known as well",
		needs: [needsSecond, needsChecks],
		async run(setting) {
			const stores = [await setting.store(), await setting.store({}, await setting.second())];
			const trx = { id: trxId(1) };
			const statuses = await Promise.all(stores.map((store) => store.publish("s", "a", "1", { trx })));
			equal(statuses[1], statuses[0], "the statuses of one TRX");
			for (const store of stores) equal(lines(await readSegment(store, "s", "a")), ["a/1=1"], "entries");
		},
	},
	{
		name: "TRX numbers that do not fit are refused and leave nothing",
		async run(setting) {
			const store = await setting.store();
			await store.publish("s", "a", "1", { trx: { id: trxId(1), number: 1 } });
			await store.publish("s", "a", "2", { trx: { id: trxId(2), number: 2 } });
			const attempt = (id: number, number: number) => () =>
				store.publish("s", "a", "x", { trx: { id: trxId(id), number } });
			await refuses("TRX_ID_MISMATCH", attempt(9, 2), "a number that another id has");
			await refuses("TRX_NUMBER_AHEAD", attempt(9, 1), "a number that the segment is past");
			await refuses("TRX_NUMBER_BEHIND", attempt(9, 4), "a number that skips ahead");
			equal(lines(await readSegment(store, "s", "a")), ["a/1=1", "a/2=2"], "entries");
		},
	},
	{
		name: "the same TRX in another segment is another write",
		async run(setting) {
			const store = await setting.store();
			const trx = { id: trxId(1) };
			await store.publish("s", "a", "1", { trx });
			equal((await store.publish("s", "b", "1", { trx })).lastSequence, 1, "last sequence");
			equal(lines(await store.consumeSpace({ space: "s" }).toArray()), ["a/1=1", "b/1=1"], "entries");
		},
	},
];
