// Dexie: a table of the events as objects, keyed by their number, with no other index.

import { Dexie, type EntityTable } from "dexie";
import type { EventObject } from "../../../src/data.js";
import { Tally } from "../../../src/tally.js";
import { timed } from "../../../src/timing.js";
import { batches, eventObjects, expectedObjects, type Side } from "../side.js";

type Database = Dexie & { events: EntityTable<EventObject, "number"> };

function open(name: string): Database {
	const db = new Dexie(name, { chromeTransactionDurability: "relaxed" }) as Database;
	db.version(1).stores({ events: "number" });
	return db;
}

async function bulkAddAll(db: Database, all: readonly EventObject[][]): Promise<void> {
	for (const batch of all) await db.events.bulkAdd(batch);
}

async function readAll(db: Database): Promise<Tally> {
	const tally = new Tally();
	for (const event of await db.events.toArray()) tally.object(event);
	return tally;
}

export const bulkAdding: Side = {
	async run(database, count) {
		const all = batches(eventObjects(count));
		const db = open(database);
		await db.open();
		const milliseconds = await timed(() => bulkAddAll(db, all));
		(await readAll(db)).check("dexie", expectedObjects(count));
		await db.delete();
		return milliseconds;
	},
};

export const toArrayReading: Side = {
	async prepare(database, count) {
		const db = open(database);
		await bulkAddAll(db, batches(eventObjects(count)));
		db.close();
	},
	async run(database, count) {
		const db = open(database);
		await db.open();
		let tally = new Tally();
		const milliseconds = await timed(async () => {
			tally = await readAll(db);
		});
		db.close();
		tally.check("dexie", expectedObjects(count));
		return milliseconds;
	},
	async remove(database) {
		await open(database).delete();
	},
};
