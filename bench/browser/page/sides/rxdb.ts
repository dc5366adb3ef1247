// RxDB with its free storage, which is on Dexie: a collection of the events as documents. Their primary key must be a
// string: their number with leading zeros. For one tab only, which saves it the messages to others.

import { createRxDatabase, type RxCollection, type RxDatabase, type RxJsonSchema } from "rxdb";
import { getRxStorageDexie } from "rxdb/plugins/storage-dexie";
import type { EventObject } from "../../../src/data.js";
import { Tally } from "../../../src/tally.js";
import { timed } from "../../../src/timing.js";
import { batches, eventObjects, expectedObjects, type Side } from "../side.js";

interface EventDocument extends EventObject {
	readonly key: string;
}

const schema: RxJsonSchema<EventDocument> = {
	version: 0,
	primaryKey: "key",
	type: "object",
	properties: {
		key: { type: "string", maxLength: 9 },
		id: { type: "string" },
		type: { type: "string" },
		number: { type: "number" },
		at: { type: "number" },
		customer: { type: "string" },
		items: { type: "array", items: { type: "object" } },
		note: { type: "string" },
	},
	required: ["key"],
};

type Database = RxDatabase<{ events: RxCollection<EventDocument> }>;

async function open(name: string): Promise<Database> {
	const db: Database = await createRxDatabase({
		name,
		storage: getRxStorageDexie({ chromeTransactionDurability: "relaxed" }),
		multiInstance: false,
	});
	await db.addCollections({ events: { schema } });
	return db;
}

function documentsOf(count: number): EventDocument[] {
	return eventObjects(count).map((event) => ({ ...event, key: String(event.number).padStart(9, "0") }));
}

async function bulkInsertAll(db: Database, all: readonly EventDocument[][]): Promise<void> {
	for (const batch of all) {
		const { error } = await db.events.bulkInsert(batch);
		if (error.length > 0) throw new Error(`rxdb refused ${error.length} documents`);
	}
}

async function readAll(db: Database): Promise<Tally> {
	const tally = new Tally();
	for (const document of await db.events.find().exec()) tally.object(document);
	return tally;
}

export const bulkInserting: Side = {
	async run(database, count) {
		const all = batches(documentsOf(count));
		const db = await open(database);
		const milliseconds = await timed(() => bulkInsertAll(db, all));
		(await readAll(db)).check("rxdb", expectedObjects(count));
		await db.remove();
		return milliseconds;
	},
};

export const findReading: Side = {
	async prepare(database, count) {
		const db = await open(database);
		await bulkInsertAll(db, batches(documentsOf(count)));
		await db.close();
	},
	async run(database, count) {
		const db = await open(database);
		let tally = new Tally();
		const milliseconds = await timed(async () => {
			tally = await readAll(db);
		});
		await db.close();
		tally.check("rxdb", expectedObjects(count));
		return milliseconds;
	},
	async remove(database) {
		await (await open(database)).remove();
	},
};
