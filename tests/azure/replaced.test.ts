// A table that is deleted and made again under an open store.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { TableClient } from "@azure/data-tables";
import { type HostBatch, isStreamkitError, openStore, type Store } from "streamkit";
import { azureTableHost } from "streamkit/azure";
import { type Azurite, startAzurite } from "./azurite.js";
import { tap } from "./tap.js";

let azurite: Azurite;
before(async () => {
	azurite = await startAzurite();
});
after(() => azurite.stop());

const quiet = { autoCompact: false, retentionInterval: 0 } as const;
const opened = (client: TableClient): Promise<Store> => openStore(azureTableHost(client), quiet);

async function makeAnew(client: TableClient): Promise<void> {
	await client.deleteTable();
	await client.createTable();
}

/** The host is over, and nothing was done. */
async function over(call: Promise<unknown>): Promise<void> {
	await assert.rejects(call, (error) => {
		assert(isStreamkitError(error, "UNAVAILABLE"), String(error));
		assert.match(error.message, /deleted and made again/);
		assert.equal(error.retryable, false);
		assert.notEqual(error.details["applied"], "unknown");
		return true;
	});
}

async function entities(client: TableClient): Promise<number> {
	let count = 0;
	for await (const _ of client.listEntities()) count++;
	return count;
}

for (const [what, find] of [
	["an append", (store) => store.publish("a", "s", "3")],
	["a transaction", (store) => store.transact([{ space: "a", segment: "t", records: [{ payload: "3" }] }])],
	["a look at a segment", (store) => store.getSegmentStatus("a", "s")],
	["a read", (store) => store.consumeSpace({ space: "a" }).toArray()],
	["a lease that is renewed", (store) => store.withLease("lease", 60_000, () => store.publish("a", "s", "3"))],
] as [string, (store: Store) => Promise<unknown>][]) {
	test(`${what} finds it, and the host is over`, async () => {
		const client = azurite.client(await azurite.table());
		const store = await opened(client);
		for (const payload of ["1", "2"]) await store.publish("a", "s", payload);
		await store.withLease("lease", 60_000, async () => {});
		await makeAnew(client);
		await over(find(store));
		for (const call of [
			() => store.publish("a", "s", "4"),
			() => store.publish("b", "s", "1"),
			() => store.peek("a", "s"),
		])
			await over(call());
		assert.equal(await entities(client), 0);
		await store.close();

		const anew = await opened(client);
		assert.equal((await anew.publish("a", "s", "1")).lastSequence, 1);
		await anew.close();
	});
}

test("also where a call came while there was none", async () => {
	const client = azurite.client(await azurite.table());
	const store = await opened(client);
	await store.publish("a", "s", "1");
	await client.deleteTable();
	await assert.rejects(store.publish("a", "s", "2"), (error) => isStreamkitError(error, "UNAVAILABLE"));
	await assert.rejects(store.peek("a", "s"), (error) => isStreamkitError(error, "UNAVAILABLE"));
	await client.createTable();
	await over(store.publish("a", "s", "3"));
	await store.close();
});

test("one that another store fills meanwhile is no better", async () => {
	const client = azurite.client(await azurite.table());
	const store = await opened(client);
	await store.publish("a", "s", "1");
	await makeAnew(client);
	const other = await opened(azurite.client(client.tableName));
	await other.publish("b", "s", "1");
	await over(store.publish("a", "s", "2"));
	await over(store.publish("b", "s", "2"));
	assert.deepEqual(await other.getSegmentStatus("a", "s"), undefined);
	await Promise.all([store.close(), other.close()]);
});

test("found only by the answer to a commit that was lost, it leaves open whether that was applied", async () => {
	const client = azurite.client(await azurite.table());
	const store = await opened(client);
	await store.publish("a", "s", "1");
	const wire = tap(client);
	let lost = false;
	wire.fate = async (_, request) => {
		if (lost || request.method !== "POST") return "pass";
		lost = true;
		await makeAnew(azurite.client(client.tableName));
		return "never sent";
	};
	await assert.rejects(store.publish("a", "s", "2"), (error) => isStreamkitError(error, "UNAVAILABLE"));
	await over(store.publish("a", "s", "3"));
	await store.close();
});

test("a row that is missing in the same table is only missing", async () => {
	const client = azurite.client(await azurite.table());
	const [host, other] = [azureTableHost(client), azureTableHost(azurite.client(client.tableName))];
	const batch = (change: Partial<HostBatch>): HostBatch => ({
		...{ checks: [], deletes: [], puts: [], durability: "strict" },
		...change,
	});
	const bytes = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(new TextEncoder().encode(text));
	for (const key of [bytes("INV\0SPACES\0s"), bytes("LSE\0k")]) {
		const value = bytes("1");
		const wrong = batch({ checks: [{ key, value }], puts: [{ key, value }] });
		const right = batch({ checks: [{ key, value: undefined }], puts: [{ key, value }] });
		const refused = { applied: false, check: 0, current: undefined };
		// Never written, and written by one and removed by another.
		assert.deepEqual(await host.commit(wrong), refused);
		assert.deepEqual(await host.commit(right), { applied: true });
		assert.deepEqual(await other.commit(batch({ deletes: [key] })), { applied: true });
		assert.deepEqual(await host.commit(batch({ checks: [{ key, value }] })), refused);
		assert.deepEqual(await host.commit(wrong), refused);
		assert.deepEqual(await host.get([key]), [undefined]);
		assert.deepEqual(await host.commit(right), { applied: true });
	}
});
