import { existsSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";
import { dim, say } from "../lib/console.mjs";
import { exitCode } from "../lib/process.mjs";
import { at } from "../lib/root.mjs";
import { countLine } from "./count-line.mjs";

const colour = process.stdout.isTTY ? { FORCE_COLOR: "1", CARGO_TERM_COLOR: "always" } : {};

/** Far above what any step takes on two slow cores: what is not through by then hangs. */
const MINUTES_PER_STEP = 30;

/** Runs all steps of a section, those after a failed one included: one run shows everything that is wrong. */
export async function runSection(section) {
	const start = Date.now();
	const problems = (section.needs ?? [])
		.filter((path) => !existsSync(at(path)))
		.map((path) => `${path} does not exist`);
	const leftOut = [];
	const counted = { passed: 0, failed: 0 };
	const steps = problems.length === 0 ? stepsOf(section, leftOut) : [];
	if (problems.length === 0 && steps.length === 0 && leftOut.length === 0) problems.push("there is nothing to run");
	for (const [command, args] of steps) {
		const text = [command, ...args].join(" ");
		say(dim(`$ ${text}`));
		const onLine = section.counts && ((line) => countLine(stripVTControlCharacters(line), counted));
		try {
			const code = await exitCode(command, args, {
				env: onLine ? colour : {},
				onLine,
				minutes: MINUTES_PER_STEP,
			});
			if (code !== 0) problems.push(`"${text}" exited with ${code}`);
		} catch (error) {
			problems.push(error.message);
		}
	}
	if (section.counts && problems.length === 0 && steps.length > 0 && counted.passed + counted.failed === 0)
		problems.push("no test was run");
	if (section.counts && counted.failed > 0 && problems.length === 0) problems.push(`${counted.failed} failed`);
	return { section, problems, leftOut, milliseconds: Date.now() - start, ...totals(section, counted, problems) };
}

function stepsOf({ steps }, leftOut) {
	return typeof steps === "function" ? steps((reason) => leftOut.push(reason)) : steps;
}

function totals(section, { passed, failed }, problems) {
	if (!section.counts) return problems.length === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
	// Broken without a failing test (it did not compile): still one failure.
	return { passed, failed: problems.length > 0 ? Math.max(failed, 1) : failed };
}
