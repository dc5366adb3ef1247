// Measures this store and the packages that could be used instead, in one run, on one machine, with the same data, and
// prints one table. Every row runs in a process of its own; which sides it has is said at the top of its file in rows/.
// A number is the median of all rounds, a ratio that of two medians. A bar that is missed is printed, and no failure.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compile, compiled } from "./compile.js";
import { machine } from "./machine.js";
import { runNative } from "./native.js";
import { DEFAULT_EVENTS, type Options, readOptions, USAGE } from "./options.js";
import type { inProcess as run } from "./processes/process.js";
import { rows } from "./rows/rows.js";
import { header, isMet, type Line, ratioOf, render } from "./table.js";

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Whether all rows were measured. */
async function measure(options: Options): Promise<boolean> {
	const facts = machine();
	say(
		Object.entries(facts)
			.map(([name, value]) => `${name} ${value}`)
			.join(", "),
	);
	const { events, rounds, folder } = options;
	say(`${events.toLocaleString("en-US")} JSON events of 1 KiB, as UTF-8 bytes where a row does not say objects;`);
	say(`medians of ${rounds} rounds, stores in ${folder}; compression none where a row does not say auto`);
	if (events < DEFAULT_EVENTS)
		say("fewer events than the bars are meant for: this shows that it works, not how fast it is");
	say("");
	say(header());
	await compile();
	const { inProcess } = (await import(join(compiled, "processes", "process.js"))) as { inProcess: typeof run };
	const only = options.only === undefined ? undefined : new RegExp(options.only);
	const lines: Line[] = [];
	const failed: string[] = [];
	for (const { name, title } of rows) {
		if (only !== undefined && !only.test(name) && !only.test(title)) continue;
		process.stderr.write(`${name}: ${title}\n`);
		try {
			const measured = await inProcess<Line[]>("row.js", [name, JSON.stringify({ events, rounds, folder })]);
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
	if (options.json !== undefined) {
		const results = lines.map((line) => ({ ...line, ratio: ratioOf(line), met: isMet(line) }));
		const settings = { events, rounds };
		writeFileSync(options.json, `${JSON.stringify({ machine: facts, settings, results, failed }, undefined, 2)}\n`);
	}
	return failed.length === 0;
}

const options = readOptions(process.argv.slice(2), fileURLToPath(new URL("../../.tools", import.meta.url)));
if (options === "help") say(USAGE);
else if (options === "list") for (const { name, title } of rows) say(`${name.padEnd(16)} ${title}`);
else {
	const measured = await measure(options);
	const native = !options.native || runNative();
	if (!measured || !native) process.exitCode = 1;
}
