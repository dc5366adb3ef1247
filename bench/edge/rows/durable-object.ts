// A Durable Object with SQLite, in workerd: events appended in batches of 1,000, each batch stored before the next.
//   ours                    produce() of 1,000 records of bytes, strict
//   a row per event         1,000 INSERTs in one transactionSync, then sync()
//   and an index entry      the same, with a global position and a unique index over segment and sequence: what order
//                           in a segment and in the space takes
//   the same, 50 at a time  20 INSERTs of 50 rows, which is what 100 bound parameters take
//   a row per batch         one INSERT of all the bytes, made before: the most that storing them in blocks can reach
// Clocks stand still inside, so a whole round is timed from outside, as one request; events are made in an earlier one,
// and whether all is there is looked at in a later one. Every run has an object of its own.
// Rows written are what is billed: they are those that the cursors of all statements report, merging included.

import type { Miniflare } from "miniflare";
import { bundle, start } from "../../../tests/edge/runtime.js";
import { atLeast, atMost, Lines } from "../../src/lines.js";
import type { Line } from "../../src/table.js";
import { inRounds, mediansOf } from "../../src/timing.js";
import type { Answer, Side } from "../worker.js";
import type { Row, Settings } from "./row.js";

const BATCH = 1000;
const NAMES: Record<Side, string> = {
	ours: "ours",
	rows: "SQL, a row per event",
	rows50: "SQL, 50 rows per statement",
	table: "SQL, a row and an index entry",
	block: "SQL, a row per batch",
};
const SIDES = (["ours", "rows", "rows50", "table", "block"] as const).map((side) => ({ side, name: NAMES[side] }));

async function ask(miniflare: Miniflare, object: string, what: string): Promise<Answer> {
	const response = await miniflare.dispatchFetch(`http://bench/${object}/${what}`);
	if (!response.ok) throw new Error(`${what}: ${await response.text()}`);
	return (await response.json()) as Answer;
}

async function measure({ rounds, batches }: Settings): Promise<Line[]> {
	const modules = await bundle(new URL("../worker.ts", import.meta.url));
	const miniflare = await start({
		modules,
		durableObjects: { OBJECTS: { className: "BenchObject", useSQLite: true } },
	});
	try {
		const count = batches * BATCH;
		// Untimed: code that is new is slow, ours most of all.
		for (const { side } of SIDES) {
			await ask(miniflare, `warm-${side}`, `prepare/${side}/${BATCH}`);
			await ask(miniflare, `warm-${side}`, `write/${side}/20`);
		}
		const results = await inRounds(SIDES, rounds, async ({ side, name }, round) => {
			const object = `${side}-${round}`;
			await ask(miniflare, object, `prepare/${side}/${BATCH}`);
			const from = performance.now();
			const { rowsWritten } = await ask(miniflare, object, `write/${side}/${batches}`);
			const milliseconds = performance.now() - from;
			const { events, rowsWritten: later } = await ask(miniflare, object, `check/${side}/${count}`);
			if (events !== count) throw new Error(`${name}: ${events} of ${count} events are there`);
			const rate = (count / milliseconds) * 1000;
			process.stderr.write(`  round ${round + 1}: ${name}: ${Math.round(rate)}/s, ${rowsWritten} rows\n`);
			return { rate, written: (rowsWritten / count) * 1000, merged: ((rowsWritten + later) / count) * 1000 };
		});
		const rates = mediansOf(results, ({ rate }) => rate);
		const written = mediansOf(results, ({ written }) => written);
		const merged = mediansOf(results, ({ merged }) => merged);
		const { ours, rows, rows50, table, block } = NAMES;
		const append = "Durable Object: append in batches of 1,000, strict";
		const billed = "Durable Object: rows written per 1,000 events";
		// At most 10 rows where a row per event takes 1,000.
		const few = atMost(0.01);
		return [
			...new Lines(rates)
				.add(append, ours, rows, atLeast(4))
				.add(append, ours, rows50)
				.add(append, ours, table)
				.add(append, ours, block).all,
			...new Lines(written, "rows").add(billed, ours, rows, few).all,
			...new Lines(merged, "rows").add(`${billed}, merged by compact()`, ours, rows, few).all,
		];
	} finally {
		await miniflare.dispose();
	}
}

export const durableObject: Row = {
	name: "durable-object",
	title: "Durable Object with SQLite, in workerd",
	measure,
};
