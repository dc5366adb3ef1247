// Measures the hosts of the edge and the cloud beside what would be written there without this store, and prints one
// table. The servers are emulators on this machine: a ratio says something about them, the numbers do not.

import { commandLine } from "../src/command-line.js";
import { machine } from "../src/machine.js";
import { report, say } from "../src/report.js";
import { type EdgeOptions, readOptions, USAGE } from "./options.js";
import { rows } from "./rows/rows.js";

/** Whether all rows were measured. */
function measure({ batches, rounds, quick, only, json }: EdgeOptions): Promise<boolean> {
	const about = [`JSON events of 1 KiB in ${batches} batches of 1,000; medians of ${rounds} rounds`];
	if (quick) about.push("a short run: this shows that it works, not how fast it is");
	const settings = { batches, rounds };
	return report({ machine: machine(), about, rows, measure: (row) => row.measure(settings), only, json, settings });
}

const options = commandLine(USAGE, readOptions);
if (options === "help") say(USAGE);
else if (!(await measure(options))) process.exitCode = 1;
