// Measures the hosts of the edge and the cloud beside what would be written there without this store, and prints one
// table. The servers are emulators on this machine: a ratio says something about them, the numbers do not.
//   npm run bench:edge -- [--rounds 5] [--batches 40] [--quick] [--only REGEX] [--json FILE]

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { machine } from "../src/machine.js";
import { header, isMet, type Line, ratioOf, render } from "../src/table.js";
import type { Settings } from "./rows/row.js";
import { rows } from "./rows/rows.js";

const say = (text: string): void => void process.stdout.write(`${text}\n`);

const { values } = parseArgs({
	options: {
		rounds: { type: "string" },
		batches: { type: "string" },
		quick: { type: "boolean" },
		only: { type: "string" },
		json: { type: "string" },
	},
});

function count(name: "rounds" | "batches", otherwise: number): number {
	const text = values[name];
	if (text === undefined) return otherwise;
	if (!/^[1-9][0-9]{0,5}$/.test(text)) throw new Error(`--${name} must be a whole number above zero, not "${text}"`);
	return Number(text);
}

const quick = values.quick === true;
const settings: Settings = { rounds: count("rounds", quick ? 3 : 5), batches: count("batches", quick ? 8 : 40) };
const facts = machine();
say(
	Object.entries(facts)
		.map(([name, value]) => `${name} ${value}`)
		.join(", "),
);
say(`JSON events of 1 KiB in ${settings.batches} batches of 1,000; medians of ${settings.rounds} rounds`);
if (quick) say("a short run: this shows that it works, not how fast it is");
say("");
say(header());

const only = values.only === undefined ? undefined : new RegExp(values.only);
const lines: Line[] = [];
const failed: string[] = [];
for (const { name, title, measure } of rows) {
	if (only !== undefined && !only.test(name) && !only.test(title)) continue;
	process.stderr.write(`${name}: ${title}\n`);
	try {
		const measured = await measure(settings);
		lines.push(...measured);
		for (const line of measured) say(render(line));
	} catch (error) {
		failed.push(name);
		say(`${title}: FAILED: ${error instanceof Error ? error.message : String(error)}`);
	}
}
const bars = lines.filter((line) => isMet(line) !== undefined);
const missed = bars.filter((line) => isMet(line) === false);
say("");
say(
	`${bars.length - missed.length} of ${bars.length} bars met${failed.length > 0 ? `; failed: ${failed.join(", ")}` : ""}`,
);
if (values.json !== undefined) {
	const results = lines.map((line) => ({ ...line, ratio: ratioOf(line), met: isMet(line) }));
	writeFileSync(values.json, `${JSON.stringify({ machine: facts, settings, results, failed }, undefined, 2)}\n`);
}
if (failed.length > 0) process.exitCode = 1;
