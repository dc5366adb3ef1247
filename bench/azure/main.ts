// Appends to Azure's emulator: events in commits of 1,000 against an entity an event, 100 a transaction.
// A number is the median of all rounds. A bar that is missed is printed, and no failure.

import { parseArgs } from "node:util";
import { startAzurite } from "../../tests/azure/azurite.js";
import { Events } from "../src/data.js";
import { atLeast, atMost, Lines } from "../src/lines.js";
import { numberOption } from "../src/number-option.js";
import { say } from "../src/report.js";
import { header, render } from "../src/table.js";
import { inRounds, mediansOf } from "../src/timing.js";
import { entities, ours } from "./sides.js";

const USAGE = `npm run bench:azure -- [options]
  --events N      events of 1 KiB (10000)
  --rounds N      rounds of which the median is taken (5)`;

const { values } = parseArgs({
	options: { events: { type: "string" }, rounds: { type: "string" }, help: { type: "boolean", short: "h" } },
});

async function measure(): Promise<void> {
	const number = numberOption("events", values.events, 10_000);
	const rounds = numberOption("rounds", values.rounds, 5);
	const events = new Events(number);
	const azurite = await startAzurite();
	try {
		const measures = await inRounds([ours, entities], rounds, async (side, round) => {
			const measure = await side.run(azurite, events);
			process.stderr.write(`  round ${round + 1}: ${side.name}: ${Math.round(measure.milliseconds)} ms\n`);
			return measure;
		});
		const rates = mediansOf(measures, ({ milliseconds }) => (number / milliseconds) * 1000);
		const requests = mediansOf(measures, (measure) => (measure.requests / number) * 1000);
		const allowed = "what is allowed";
		const sent = "requests for 1,000 events";
		const lines = [
			...new Lines(rates).add("append to Azure Table Storage (emulator)", ours.name, entities.name, atLeast(5)).all,
			...new Lines(requests.set(allowed, 2), "requests")
				.add(sent, ours.name, entities.name)
				.add(sent, ours.name, allowed, atMost(1)).all,
		];
		say(`${number.toLocaleString("en-US")} JSON events of 1 KiB; medians of ${rounds} rounds`);
		say(header());
		for (const line of lines) say(render(line));
	} finally {
		await azurite.stop();
	}
}

if (values.help === true) say(USAGE);
else await measure();
