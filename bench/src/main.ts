// Measures this store and the packages that could be used instead, in one run, on one machine, with the same data, and
// prints one table. Every row runs in a process of its own; which sides it has is said at the top of its file in rows/.
// A number is the median of all rounds, a ratio that of two medians. A bar that is missed is printed, and no failure.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { commandLine } from "./command-line.js";
import { compile, compiled } from "./compile.js";
import { machine } from "./machine.js";
import { runNative } from "./native.js";
import { DEFAULT_EVENTS, type Options, readOptions, USAGE } from "./options.js";
import type { inProcess as run } from "./processes/process.js";
import { report, say } from "./report.js";
import { rows } from "./rows/rows.js";
import type { Line } from "./table.js";

/** Whether all rows were measured. */
async function measure({ events, rounds, folder, only, json }: Options): Promise<boolean> {
	await compile();
	const { inProcess } = (await import(join(compiled, "processes", "process.js"))) as { inProcess: typeof run };
	const about = [
		`${events.toLocaleString("en-US")} JSON events of 1 KiB, as UTF-8 bytes where a row does not say objects;`,
		`medians of ${rounds} rounds, stores in ${folder}; compression none where a row does not say auto`,
	];
	if (events < DEFAULT_EVENTS)
		about.push("fewer events than the bars are meant for: this shows that it works, not how fast it is");
	return report({
		machine: machine(),
		about,
		rows,
		measure: ({ name }) => inProcess<Line[]>("row.js", [name, JSON.stringify({ events, rounds, folder })]),
		only,
		json,
		settings: { events, rounds },
	});
}

const folder = fileURLToPath(new URL("../../.tools", import.meta.url));
const options = commandLine(USAGE, (args) => readOptions(args, folder));
if (options === "help") say(USAGE);
else if (options === "list") for (const { name, title } of rows) say(`${name.padEnd(16)} ${title}`);
else {
	const measured = await measure(options);
	const native = !options.native || runNative();
	if (!measured || !native) process.exitCode = 1;
}
