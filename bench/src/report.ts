// What a benchmark prints: what it runs on, a table of its rows as they are measured, how many bars are met. A bar that
// is missed is printed, and no failure; a row that throws is one, and the next row is measured.

import { writeFileSync } from "node:fs";
import { header, isMet, type Line, ratioOf, render } from "./table.js";

/** A benchmark with rows of one kind. */
export interface Benchmark<Row extends Named> {
	/** What the numbers are measured on. */
	readonly machine: Readonly<Record<string, string | number>>;
	/** What is said above the table, line by line. */
	readonly about: readonly string[];
	readonly rows: readonly Row[];
	measure(row: Row): Promise<readonly Line[]>;
	/** A regular expression: only the rows whose name or title matches. */
	readonly only: RegExp | undefined;
	/** Where what was measured is written to as JSON, with the settings. */
	readonly json: string | undefined;
	readonly settings: object;
}

interface Named {
	readonly name: string;
	readonly title: string;
}

/** Prints a line. */
export const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Measures the rows and prints the table. Whether all rows were measured. */
export async function report<Row extends Named>(benchmark: Benchmark<Row>): Promise<boolean> {
	const { machine, about, settings, only, json } = benchmark;
	const rows = benchmark.rows.filter(({ name, title }) => only === undefined || only.test(name) || only.test(title));
	if (rows.length === 0) {
		say(`--only matches none of the rows: ${benchmark.rows.map(({ name }) => name).join(", ")}`);
		return false;
	}
	const facts = Object.entries(machine).map(([name, value]) => `${name} ${value}`);
	for (const text of [facts.join(", "), ...about, "", header()]) say(text);
	const lines: Line[] = [];
	const failed: string[] = [];
	for (const row of rows) {
		process.stderr.write(`${row.name}: ${row.title}\n`);
		try {
			const measured = await benchmark.measure(row);
			lines.push(...measured);
			for (const line of measured) say(render(line));
		} catch (error) {
			failed.push(row.name);
			say(`${row.title}: FAILED: ${error instanceof Error ? error.message : String(error)}`);
		}
	}
	const bars = lines.map(isMet).filter((met) => met !== undefined);
	const met = bars.filter((met) => met);
	say("");
	// Bars are meant for one browser: in others there are none.
	if (bars.length > 0) say(`${met.length} of ${bars.length} bars met`);
	if (failed.length > 0) say(`failed: ${failed.join(", ")}`);
	if (json !== undefined) {
		const results = lines.map((line) => ({ ...line, ratio: ratioOf(line), met: isMet(line) }));
		writeFileSync(json, `${JSON.stringify({ machine, settings, results, failed }, undefined, 2)}\n`);
	}
	return failed.length === 0;
}
