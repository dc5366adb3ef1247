import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { isStreamkitError, openStore, type Store } from "streamkit";
import { azureTableHost } from "streamkit/azure";
import { type Azurite, startAzurite } from "./azurite.js";
import { type Fate, tap } from "./tap.js";

let azurite: Azurite;
before(async () => {
	azurite = await startAzurite();
});
after(() => azurite.stop());

const quiet = { autoCompact: false, retentionInterval: 0 } as const;

/** A store whose requests have the fates that are given, by their numbers. */
async function opened(
	table: string,
	fate: (number: number) => Fate = () => "pass",
): Promise<{ store: Store; requests: () => number }> {
	const client = azurite.client(table);
	const wire = tap(client);
	wire.fate = fate;
	const store = await openStore(azureTableHost(client, { recoveryInterval: 0 }), quiet);
	return { store, requests: () => wire.requests.length };
}

const SPACES = ["a", "b"];

/** Writes of every kind. */
async function work(store: Store): Promise<void> {
	await store.publish("a", "s", "1");
	await store.produce("a", "s", [{ payload: "2" }, { payload: "3" }], { expectedSequence: 1 });
	await store.transact(SPACES.map((space) => ({ space, segment: "t", records: [{ payload: space }] })));
	await store.withLease("lease", 60_000, async (lease) => {
		assert.equal(lease.fencingToken, 1);
	});
}

async function payloads(store: Store, space: string): Promise<string[]> {
	return (await store.consumeSpace({ space }).toArray()).map((entry) => entry.text());
}

async function checked(table: string, verify = true): Promise<string[][]> {
	const { store } = await opened(table);
	try {
		const found = await Promise.all(SPACES.map((space) => payloads(store, space)));
		if (verify) assert.deepEqual((await store.verify()).problems, []);
		return found;
	} finally {
		await store.close();
	}
}

/** Runs once for every number from 1, some at a time. Reading everything back is for some of the runs. */
async function forEach(count: number, run: (number: number) => Promise<void>): Promise<void> {
	let next = 1;
	const runner = async (): Promise<void> => {
		while (next <= count) await run(next++);
	};
	await Promise.all(Array.from({ length: 12 }, runner));
}

describe("every request of a series of writes", () => {
	let count = 0;
	before(async () => {
		const table = await azurite.table();
		const { store, requests } = await opened(table);
		await work(store);
		await store.close();
		count = requests();
		assert.deepEqual(await checked(table), [["1", "2", "3", "a"], ["b"]]);
	});

	for (const fate of ["answer lost", "never sent"] as const) {
		test(`${fate}: everything is stored, and nothing twice`, async () => {
			assert(count > 20, `there were ${count} requests`);
			await forEach(count, async (lost) => {
				const table = await azurite.table();
				const { store } = await opened(table, (number) => (number === lost ? fate : "pass"));
				await work(store);
				await store.close();
				assert.deepEqual(await checked(table, lost % 4 === 0), [["1", "2", "3", "a"], ["b"]], `request ${lost}`);
			});
		});
	}

	test("a throttled request, with and without its reason", async () => {
		const fates: Fate[] = [
			{ status: 503, code: "ServerBusy", retryAfter: "0" },
			{ status: 429 },
			{ status: 500, code: "InternalError" },
		];
		await forEach(count, async (which) => {
			const table = await azurite.table();
			const { store } = await opened(table, (number) =>
				number >= which && number < which + 2 ? (fates[which % fates.length] as Fate) : "pass",
			);
			await work(store);
			await store.close();
			assert.deepEqual(await checked(table, which % 4 === 0), [["1", "2", "3", "a"], ["b"]], `request ${which}`);
		});
	});
});

describe("a lost answer", () => {
	test("with another writer's commit behind it is no refusal", async () => {
		const table = await azurite.table();
		const { store: other } = await opened(table);
		await other.publish("a", "s", "0");
		let overtake = false;
		const client = azurite.client(table);
		const wire = tap(client);
		wire.fate = async (_, request) => {
			if (!overtake || request.method !== "POST") return "pass";
			overtake = false;
			// The answer is lost only after the other writer got in behind this request.
			return "answer lost";
		};
		const store = await openStore(azureTableHost(client, { recoveryInterval: 0 }), quiet);
		await store.publish("a", "s", "1");
		overtake = true;
		const late = store.publish("a", "s", "mine", { expectedSequence: 2 });
		// The other one waits for what it sees, then writes behind it.
		while ((await other.getSegmentStatus("a", "s"))?.lastSequence !== 3);
		await other.publish("a", "s", "theirs");
		assert.equal((await late).lastSequence, 3);
		await store.close();
		await other.close();
		assert.deepEqual((await checked(table))[0], ["0", "1", "mine", "theirs"]);
	});

	test("of a plain row that others wrote since is unknown, and its row is not written again", async () => {
		const table = await azurite.table();
		const client = azurite.client(table);
		const host = azureTableHost(client);
		const other = azureTableHost(azurite.client(table));
		const key = new TextEncoder().encode("k");
		const put = (value: number) => ({
			checks: [],
			deletes: [],
			puts: [{ key, value: new Uint8Array([value]) }],
			durability: "strict" as const,
		});
		const wire = tap(client);
		let sent = 0;
		wire.fate = async (_, request) => {
			if (request.method !== "POST") {
				if (sent === 1) {
					sent++;
					await other.commit(put(2));
				}
				return "pass";
			}
			return ++sent === 1 ? "answer lost" : "pass";
		};
		await assert.rejects(
			async () => host.commit(put(1)),
			(error) => {
				assert(isStreamkitError(error, "UNAVAILABLE"));
				assert.equal(error.details["applied"], "unknown");
				return true;
			},
		);
		assert.deepEqual(await other.get([key]), [new Uint8Array([2])]);
	});
});

describe("what the service refuses", () => {
	test("a table that is not there", async () => {
		const host = azureTableHost(azurite.client("nosuchtable"));
		await assert.rejects(openStore(host), (error) => {
			assert(isStreamkitError(error, "UNAVAILABLE"));
			assert.match(error.message, /the table "nosuchtable" does not exist/);
			assert.equal(error.retryable, false);
			assert.equal(error.details["applied"], false);
			return true;
		});
	});

	test("a wrong key", async () => {
		const host = azureTableHost(azurite.client(await azurite.table(), "d3Jvbmc="));
		await assert.rejects(openStore(host), (error) => {
			assert(isStreamkitError(error, "UNAVAILABLE"));
			assert.match(error.message, /denies access/);
			assert.equal(error.retryable, false);
			return true;
		});
	});

	test("a full account", async () => {
		const table = await azurite.table();
		const { store } = await opened(table);
		await store.close();
		const client = azurite.client(table);
		tap(client).fate = (_, request) =>
			request.method === "POST" ? { status: 507, code: "InsufficientStorage" } : "pass";
		const full = await openStore(azureTableHost(client, { recoveryInterval: 0 }), quiet);
		await assert.rejects(full.publish("a", "s", "1"), (error) => isStreamkitError(error, "QUOTA_EXCEEDED"));
		await full.close();
	});
});
