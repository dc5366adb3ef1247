// Measures the hosts of the edge and the cloud beside what would be written there without this store, and prints one
// table. The servers are emulators on this machine: a ratio says something about them, the numbers do not.

import { parseArgs } from "node:util";
import { machine } from "../src/machine.js";
import { numberOption } from "../src/number-option.js";
import { report, say } from "../src/report.js";
import type { Settings } from "./rows/row.js";
import { rows } from "./rows/rows.js";

const USAGE = `npm run bench:edge -- [options]
  --batches N     batches of 1,000 events of 1 KiB (40)
  --rounds N      rounds of which the median is taken (5)
  --quick         8 batches and 3 rounds: whether it works, not how fast it is
  --only REGEX    only the rows whose name or title matches
  --json FILE     also writes what was measured to a file`;

const { values } = parseArgs({
	options: {
		rounds: { type: "string" },
		batches: { type: "string" },
		quick: { type: "boolean" },
		only: { type: "string" },
		json: { type: "string" },
		help: { type: "boolean", short: "h" },
	},
});

/** Whether all rows were measured. */
async function measure(): Promise<boolean> {
	const quick = values.quick === true;
	const settings: Settings = {
		rounds: numberOption("rounds", values.rounds, quick ? 3 : 5),
		batches: numberOption("batches", values.batches, quick ? 8 : 40),
	};
	const about = [`JSON events of 1 KiB in ${settings.batches} batches of 1,000; medians of ${settings.rounds} rounds`];
	if (quick) about.push("a short run: this shows that it works, not how fast it is");
	return report({
		machine: machine(),
		about,
		rows,
		measure: (row) => row.measure(settings),
		only: values.only,
		json: values.json,
		settings,
	});
}

if (values.help === true) say(USAGE);
else if (!(await measure())) process.exitCode = 1;
