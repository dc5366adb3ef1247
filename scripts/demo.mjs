// Real data through a store in a directory, and every number checked against the source.
//   node scripts/demo.mjs            a week of earthquakes, then 231,083 flights
//   node scripts/demo.mjs --quick    the same with 20,000 flights
//   node scripts/demo.mjs --keep     leaves the directory behind, and says where

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Checks } from "./demo/checks.mjs";
import { earthquakes } from "./demo/earthquakes.mjs";
import { flights } from "./demo/flights.mjs";
import { bold, duration, main, note, Problem, say } from "./lib/console.mjs";

const { values: options } = parseArgs({
	options: { quick: { type: "boolean", default: false }, keep: { type: "boolean", default: false } },
});

await main(async () => {
	const start = Date.now();
	const directory = mkdtempSync(join(tmpdir(), "streamkit-demo-"));
	const checks = new Checks();
	try {
		say(bold("A week of earthquakes"));
		await earthquakes(join(directory, "earthquakes"), checks);
		say(`\n${bold("Flights, for volume")}`);
		await flights(join(directory, "flights"), checks, options.quick ? 20_000 : undefined);
	} finally {
		if (options.keep) note(`the stores are in ${directory}`);
		else rmSync(directory, { recursive: true, force: true });
	}
	say(`\n${bold("Verified")}`);
	for (const { what, facts, failed } of checks.summary()) {
		say(
			`${failed === 0 ? "  holds   " : "  FAILED  "}${what}${facts > 1 ? ` (${facts.toLocaleString("en-US")} times)` : ""}`,
		);
	}
	if (checks.failed > 0) throw new Problem(`${checks.failed} of ${checks.facts} facts do not hold`);
	say(`all ${checks.facts.toLocaleString("en-US")} facts hold (${duration(Date.now() - start)})`);
});
