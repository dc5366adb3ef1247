import { openStore } from "streamkit";
import { azureTableHost } from "streamkit/azure";
import type { Azurite } from "../../tests/azure/azurite.js";
import { tap } from "../../tests/azure/tap.js";
import { batches, type Events } from "../src/data.js";

/** What one run took, and how many requests. */
interface Measure {
	readonly milliseconds: number;
	readonly requests: number;
}

export interface Side {
	readonly name: string;
	run(azurite: Azurite, events: Events): Promise<Measure>;
}

type TableClient = ReturnType<Azurite["client"]>;

/** One entity an event: as many of them a request as the service takes. */
const ENTITIES = 100;
/** One commit of ours. */
const RECORDS = 1_000;

async function measured(client: TableClient, work: () => Promise<void>): Promise<Measure> {
	const { requests } = tap(client);
	globalThis.gc?.();
	const start = performance.now();
	await work();
	return { milliseconds: performance.now() - start, requests: requests.length };
}

export const ours: Side = {
	name: "streamkit, commits of 1,000",
	async run(azurite, events) {
		const client = azurite.client(await azurite.table());
		const store = await openStore(azureTableHost(client));
		const records = batches(
			events.bytes.map((payload) => ({ payload })),
			RECORDS,
		);
		try {
			// The space is there before the clock starts, as the table is.
			await store.publish("space", "first", "");
			const measure = await measured(client, async () => {
				for (const batch of records) await store.produce("space", "segment", batch);
			});
			const last = (await store.getSegmentStatus("space", "segment"))?.lastSequence;
			if (last !== events.bytes.length) throw new Error(`${last} events are there`);
			return measure;
		} finally {
			await store.close();
		}
	},
};

export const entities: Side = {
	name: "entities, transactions of 100",
	async run(azurite, events) {
		const client = azurite.client(await azurite.table());
		const partitionKey = "segment";
		let number = 0;
		const actions = batches(
			events.bytes.map((payload): ["create", Record<string, unknown> & { partitionKey: string; rowKey: string }] => [
				"create",
				// The client encodes the whole buffer behind a view.
				{ partitionKey, rowKey: String(++number).padStart(16, "0"), payload: payload.slice() },
			]),
			ENTITIES,
		);
		return measured(client, async () => {
			for (const some of actions) await client.submitTransaction(some);
		});
	},
};
