// Appends to Azure's emulator: events in commits of 1,000 against an entity an event, 100 a transaction.
//   main.ts [--events N] [--rounds N]
// A number is the median of all rounds. A bar that is missed is printed, and no failure.

import { parseArgs } from "node:util";
import { startAzurite } from "../../tests/azure/azurite.js";
import { Events } from "../src/data.js";
import { header, type Line, render } from "../src/table.js";
import { median, orderOf } from "../src/timing.js";
import { entities, type Measure, ours } from "./sides.js";

const say = (text: string): void => void process.stdout.write(`${text}\n`);

const { values } = parseArgs({
	options: { events: { type: "string", default: "10000" }, rounds: { type: "string", default: "5" } },
});

/** A whole number of at least one. */
function count(option: "events" | "rounds"): number {
	const value = Number(values[option]);
	if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${option}: must be a number of at least 1`);
	return value;
}

const number = count("events");
const rounds = count("rounds");
const events = new Events(number);
const azurite = await startAzurite();
try {
	const measures = new Map<string, Measure[]>([
		[ours.name, []],
		[entities.name, []],
	]);
	for (let round = 0; round < rounds; round++) {
		for (const side of orderOf([ours, entities], round)) {
			const measure = await side.run(azurite, events);
			measures.get(side.name)?.push(measure);
			process.stderr.write(`  round ${round + 1}: ${side.name}: ${Math.round(measure.milliseconds)} ms\n`);
		}
	}
	const middle = (name: string, of: (measure: Measure) => number): number => median((measures.get(name) ?? []).map(of));
	const rate = ({ milliseconds }: Measure): number => (number / milliseconds) * 1000;
	const requests = (measure: Measure): number => (measure.requests / number) * 1000;
	const line = (title: string, unit: Line["ours"]["unit"], of: (measure: Measure) => number): Omit<Line, "bar"> => ({
		title,
		ours: { name: ours.name, value: middle(ours.name, of), unit },
		other: { name: entities.name, value: middle(entities.name, of), unit },
	});
	say(`${number.toLocaleString("en-US")} JSON events of 1 KiB; medians of ${rounds} rounds`);
	say(header());
	say(
		render({
			...line("append to Azure Table Storage (emulator)", "events/s", rate),
			bar: { is: "at least", ratio: 5 },
		}),
	);
	const sent = line("requests for 1,000 events", "requests", requests);
	say(render(sent));
	const allowed = { name: "what is allowed", value: 2, unit: "requests" } as const;
	say(render({ ...sent, other: allowed, bar: { is: "at most", ratio: 1 } }));
} finally {
	await azurite.stop();
}
