// A Durable Object with SQLite, in workerd: events appended in batches of 1,000, each batch stored before the next.
//   ours                    produce() of 1,000 records of bytes, strict
//   a row per event         1,000 INSERTs in one transactionSync, then sync()
//   and an index entry      the same, with a global position and a unique index over segment and sequence: what order
//                           in a segment and in the space takes
//   the same, 50 at a time  20 INSERTs of 50 rows, which is what 100 bound parameters take
// Clocks stand still inside, so a whole round is timed from outside, as one request; events are made in an earlier one,
// and whether all is there is looked at in a later one. Every run has an object of its own.
// Rows written are what is billed: they are those that the cursors of all statements report, merging included.

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import type { Line } from "../../src/table.js";
import { median, orderOf } from "../../src/timing.js";
import type { Answer, Side } from "../worker.js";
import type { Row, Settings } from "./row.js";

const BATCH = 1000;
const SIDES: readonly Side[] = ["ours", "rows", "rows50", "table"];
const NAMES: Record<Side, string> = {
	ours: "ours",
	rows: "SQL, a row per event",
	rows50: "SQL, 50 rows per statement",
	table: "SQL, a row and an index entry",
};

async function startWorker(): Promise<Miniflare> {
	let engine = "";
	const { outputFiles } = await build({
		entryPoints: [fileURLToPath(new URL("../worker.ts", import.meta.url))],
		bundle: true,
		write: false,
		format: "esm",
		target: "es2022",
		conditions: ["workerd", "worker"],
		logLevel: "warning",
		plugins: [
			{
				name: "engine",
				setup({ onResolve }) {
					onResolve({ filter: /\.wasm$/ }, ({ path, resolveDir }) => {
						engine = fileURLToPath(new URL(path, `file://${resolveDir}/`));
						return { path: "./streamkit.wasm", external: true };
					});
				},
			},
		],
	});
	const miniflare = new Miniflare({
		host: "127.0.0.1",
		port: 0,
		compatibilityDate: "2026-04-01",
		modules: [
			{ type: "ESModule", path: "worker.mjs", contents: outputFiles[0]?.text ?? "" },
			{ type: "CompiledWasm", path: "streamkit.wasm", contents: await readFile(engine) },
		],
		durableObjects: { OBJECTS: { className: "BenchObject", useSQLite: true } },
	});
	await miniflare.ready;
	return miniflare;
}

async function ask(miniflare: Miniflare, object: string, what: string): Promise<Answer> {
	const response = await miniflare.dispatchFetch(`http://bench/${object}/${what}`);
	if (!response.ok) throw new Error(`${what}: ${await response.text()}`);
	return (await response.json()) as Answer;
}

async function measure({ rounds, batches }: Settings): Promise<Line[]> {
	const miniflare = await startWorker();
	try {
		const count = batches * BATCH;
		const rates = new Map<Side, number[]>(SIDES.map((side) => [side, []]));
		const written = new Map<Side, number[]>(SIDES.map((side) => [side, []]));
		let merged: number[] = [];
		// Untimed: code that is new is slow, ours most of all.
		for (const side of SIDES) {
			await ask(miniflare, `warm-${side}`, `prepare/${side}/${BATCH}`);
			await ask(miniflare, `warm-${side}`, `write/${side}/20`);
		}
		for (let round = 0; round < rounds; round++) {
			for (const side of orderOf(SIDES, round)) {
				const object = `${side}-${round}`;
				await ask(miniflare, object, `prepare/${side}/${BATCH}`);
				const start = performance.now();
				const { rowsWritten } = await ask(miniflare, object, `write/${side}/${batches}`);
				const milliseconds = performance.now() - start;
				const { events, rowsWritten: later } = await ask(miniflare, object, `check/${side}/${count}`);
				if (events !== count) throw new Error(`${NAMES[side]}: ${events} of ${count} events are there`);
				const rate = (count / milliseconds) * 1000;
				rates.get(side)?.push(rate);
				written.get(side)?.push((rowsWritten / count) * 1000);
				if (side === "ours") merged = [...merged, ((rowsWritten + later) / count) * 1000];
				process.stderr.write(`  round ${round + 1}: ${NAMES[side]}: ${Math.round(rate)}/s, ${rowsWritten} rows\n`);
			}
		}
		const speed = (side: Side) => ({
			name: NAMES[side],
			value: median(rates.get(side) ?? []),
			unit: "events/s" as const,
		});
		const rows = (side: Side) => ({ name: NAMES[side], value: median(written.get(side) ?? []), unit: "rows" as const });
		const append = "Durable Object: append in batches of 1,000, strict";
		const billed = "Durable Object: rows written per 1,000 events";
		return [
			{ title: append, ours: speed("ours"), other: speed("rows"), bar: { is: "at least", ratio: 4 } },
			{ title: append, ours: speed("ours"), other: speed("rows50") },
			{ title: append, ours: speed("ours"), other: speed("table") },
			// At most 10 rows where a row per event takes 1,000.
			{ title: billed, ours: rows("ours"), other: rows("rows"), bar: { is: "at most", ratio: 0.01 } },
			{
				title: `${billed}, merged by compact()`,
				ours: { name: "ours", value: median(merged), unit: "rows" },
				other: rows("rows"),
				bar: { is: "at most", ratio: 0.01 },
			},
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
