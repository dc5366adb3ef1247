// Runs what it is asked for, in a page: one step of one side of one row. Each library is loaded where it is measured.

import type { Measure } from "../../src/timing.js";
import type { Side } from "./side.js";

const ours = () => import("./sides/streamkit.js");
const plain = () => import("./sides/rows.js");
const dexie = () => import("./sides/dexie.js");
const rxdb = () => import("./sides/rxdb.js");

const sides: Readonly<Record<string, Readonly<Record<string, () => Promise<Side>>>>> = {
	append: {
		ours: async () => (await ours()).producing,
		"a row per event": async () => (await plain()).putting,
		"a row per batch": async () => (await plain()).puttingBlocks,
	},
	"in-flight": {
		ours: async () => (await ours()).publishingExpected,
		"read-check-put": async () => (await plain()).checkingPuts,
	},
	read: {
		ours: async () => (await ours()).reading,
		"getAllRecords of 1,000": async () => (await plain()).gettingRecords(1000),
		"getAllRecords of 10,000": async () => (await plain()).gettingRecords(10_000),
		"a row per batch": async () => (await plain()).gettingBlocks,
	},
	"append-objects": {
		ours: async () => (await ours()).producingObjects,
		"dexie, bulkAdd": async () => (await dexie()).bulkAdding,
		"rxdb, bulkInsert": async () => (await rxdb()).bulkInserting,
	},
	"read-objects": {
		ours: async () => (await ours()).readingObjects,
		"dexie, toArray": async () => (await dexie()).toArrayReading,
		"rxdb, find": async () => (await rxdb()).findReading,
	},
};

type Step = "prepare" | "run" | "remove";

async function measured(row: string, name: string, count: number, step: Step): Promise<Measure> {
	const side = await sides[row]?.[name]?.();
	if (side === undefined) throw new Error(`there is no side "${name}" of "${row}"`);
	const database = `bench-${row}-${name}`;
	if (step === "run") return { count, milliseconds: await side.run(database, count) };
	if (step === "prepare") await side.prepare?.(database, count);
	else await side.remove?.(database);
	return { count: 0, milliseconds: 0 };
}

declare global {
	var bench: typeof measured;
}

globalThis.bench = measured;
