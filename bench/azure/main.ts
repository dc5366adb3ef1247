// Appends to Azure's emulator: events in commits of 1,000 against an entity an event, 100 a transaction.
// A number is the median of all rounds. A bar that is missed is printed, and no failure.

import { startAzurite } from "../../tests/azure/azurite.js";
import { commandLine } from "../src/command-line.js";
import { Events } from "../src/data.js";
import { atLeast, atMost, Lines } from "../src/lines.js";
import { say } from "../src/report.js";
import { header, render } from "../src/table.js";
import { inRounds, mediansOf } from "../src/timing.js";
import { type AzureOptions, readOptions, USAGE } from "./options.js";
import { entities, ours } from "./sides.js";

async function measure({ events: number, rounds }: AzureOptions): Promise<void> {
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

const options = commandLine(USAGE, readOptions);
if (options === "help") say(USAGE);
else await measure(options);
