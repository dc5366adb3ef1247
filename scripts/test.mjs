// Runs every check and test, section by section, and fails when any of them failed.
//   node scripts/test.mjs                all
//   node scripts/test.mjs lint core      the sections of these names or groups
//   node scripts/test.mjs --list         what there is

import { bold, dim, duration, green, main, Problem, red, say, yellow } from "./lib/console.mjs";
import { runSection } from "./test/run-section.mjs";
import { sections } from "./test/sections.mjs";

function chosen(names) {
	const known = new Set(sections.flatMap(({ name, group }) => [name, group]));
	const unknown = names.filter((name) => !known.has(name));
	if (unknown.length > 0) throw new Problem(`no section or group is called ${unknown.join(", ")}: see --list`);
	return names.length === 0
		? sections
		: sections.filter(({ name, group }) => names.includes(name) || names.includes(group));
}

await main(async () => {
	const names = process.argv.slice(2);
	if (names.includes("--list")) {
		for (const { name, group, title } of sections) say(`${name.padEnd(16)} ${dim(group.padEnd(6))} ${title}`);
		return;
	}
	const results = [];
	for (const section of chosen(names)) {
		say(`\n${bold(`== ${section.title}`)}`);
		const result = await runSection(section);
		results.push(result);
		for (const problem of result.problems) say(red(`${section.name}: ${problem}`));
		for (const left of result.leftOut) say(yellow(`${section.name}: left out: ${left}`));
	}

	say(`\n${bold("== Summary")}`);
	for (const { section, problems, passed, failed, milliseconds } of results) {
		const mark = problems.length === 0 ? green("ok    ") : red("FAILED");
		const counts = section.counts ? `, ${passed} passed${failed ? `, ${failed} failed` : ""}` : "";
		say(`${mark} ${section.name.padEnd(16)} ${dim(`${duration(milliseconds)}${counts}`)}`);
	}
	// A section that is no test runner counts as one check.
	const total = (key) => results.reduce((sum, result) => sum + result[key], 0);
	say(`\n${total("passed")} passed, ${total("failed")} failed`);
	if (results.some(({ problems }) => problems.length > 0)) process.exitCode = 1;
});
