// Measures the hosts of the edge and the cloud beside what would be written there without this store, and prints one
// table. The servers are emulators on this machine: a ratio says something about them, the numbers do not.
//   npm run bench:edge -- [--rounds 5] [--batches 40] [--quick] [--only REGEX] [--json FILE]

import { parseArgs } from "node:util";
import { machine } from "../src/machine.js";
import { numberOption } from "../src/number-option.js";
import { report } from "../src/report.js";
import type { Settings } from "./rows/row.js";
import { rows } from "./rows/rows.js";

const { values } = parseArgs({
	options: {
		rounds: { type: "string" },
		batches: { type: "string" },
		quick: { type: "boolean" },
		only: { type: "string" },
		json: { type: "string" },
	},
});
const quick = values.quick === true;
const settings: Settings = {
	rounds: numberOption("rounds", values.rounds, quick ? 3 : 5),
	batches: numberOption("batches", values.batches, quick ? 8 : 40),
};
const about = [`JSON events of 1 KiB in ${settings.batches} batches of 1,000; medians of ${settings.rounds} rounds`];
if (quick) about.push("a short run: this shows that it works, not how fast it is");
const measured = await report({
	machine: machine(),
	about,
	rows,
	measure: (row) => row.measure(settings),
	only: values.only,
	json: values.json,
	settings,
});
if (!measured) process.exitCode = 1;
