import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openStore, type Store } from "streamkit";
import { azureTableHost } from "streamkit/azure";
import { type Azurite, startAzurite } from "./azurite.js";
import { tap } from "./tap.js";

let azurite: Azurite;
before(async () => {
	azurite = await startAzurite();
});
after(() => azurite.stop());

const quiet = { autoCompact: false, retentionInterval: 0 } as const;
const SPACES = ["a", "b"];

async function opened(table: string, recoveryInterval = 0): Promise<Store> {
	return openStore(azureTableHost(azurite.client(table), { recoveryInterval }), quiet);
}

/** A writer that is there no more after so many requests: the last one may still arrive. */
async function dying(
	table: string,
	after: number,
	arrives: boolean,
): Promise<{ acknowledged: boolean; requests: number }> {
	const client = azurite.client(table);
	const host = azureTableHost(client, { recoveryInterval: 0 });
	const store = await openStore(host, quiet);
	const wire = tap(client);
	wire.fate = (number) => {
		if (number <= after) return "pass";
		// Nothing that the host answers helps the dead: an answer that ends the matter ends the test sooner.
		return number === after + 1 && arrives ? "answer lost" : { status: 403 };
	};
	const acknowledged = await store
		.transact(SPACES.map((space) => ({ space, segment: "t", records: [{ payload: space }] })))
		.then(
			() => true,
			() => false,
		);
	const requests = wire.requests.length;
	await store.close();
	return { acknowledged, requests };
}

async function settled(store: Store): Promise<void> {
	while ((await store.health()).pendingTransactions > 0) await new Promise((resolve) => setTimeout(resolve, 100));
}

test("a writer killed between any two requests of a transaction leaves all of it or nothing", async (t) => {
	const { acknowledged, requests } = await dying(await azurite.table(), Number.POSITIVE_INFINITY, false);
	assert(acknowledged);
	assert(requests > 15, `there were ${requests} requests`);
	const outcomes = { all: 0, nothing: 0 };
	const one = async (after: number, arrives: boolean): Promise<void> => {
		const table = await azurite.table();
		const run = `${after} requests${arrives ? ", and one that arrives" : ""}`;
		const victim = await dying(table, after, arrives);
		const store = await opened(table);
		await settled(store);
		const found = await Promise.all(
			SPACES.map(async (space) => (await store.consumeSpace({ space }).toArray()).map((entry) => entry.text())),
		);
		const all = found.every((payloads, i) => payloads.length === 1 && payloads[0] === SPACES[i]);
		const nothing = found.every((payloads) => payloads.length === 0);
		assert(all || nothing, `${run}: ${JSON.stringify(found)}`);
		assert(all || !victim.acknowledged, `${run}: acknowledged, but not there`);
		outcomes[all ? "all" : "nothing"]++;
		// Life goes on in every space of it.
		await store.transact(SPACES.map((space) => ({ space, segment: "t", records: [{ payload: "next" }] })));
		for (const space of SPACES) assert.equal((await store.peek(space, "t")).sequence, all ? 2 : 1);
		// What arrives leaves what the next request finds: those states are read back once.
		if (!arrives) assert.deepEqual((await store.verify()).problems, [], run);
		await store.close();
	};
	const runs: Promise<void>[] = [];
	for (let after = 0; after < requests; after++) for (const arrives of [false, true]) runs.push(one(after, arrives));
	await Promise.all(runs);
	t.diagnostic(`${outcomes.all} runs with all of it, ${outcomes.nothing} with nothing`);
	assert(outcomes.all > 0 && outcomes.nothing > 0);
});

test("an open store finishes what others left, from time to time", async () => {
	const { requests } = await dying(await azurite.table(), Number.POSITIVE_INFINITY, false);
	// One request before the end the record is still there; three before that its shares are not applied.
	for (const after of [requests - 1, requests - 4]) {
		// Without anybody who looks it stays: looking at the health of a store finishes nothing.
		const alone = await azurite.table();
		const witness = await opened(alone);
		await dying(alone, after, false);
		assert.equal((await witness.health()).pendingTransactions, 1);
		await witness.close();

		const table = await azurite.table();
		const looking = await opened(table, 100);
		const plain = await opened(table);
		await dying(table, after, false);
		await settled(plain);
		for (const space of SPACES) assert.equal((await plain.peek(space, "t")).text(), space);
		assert.deepEqual((await plain.verify()).problems, []);
		await looking.close();
		await plain.close();
	}
});
