import { parseArgs } from "node:util";
import { numberOption } from "../src/command-line.js";

/** What a run was asked to do. */
export interface AzureOptions {
	readonly events: number;
	readonly rounds: number;
}

export const USAGE = `npm run bench:azure -- [options]
  --events N      events of 1 KiB (10000)
  --rounds N      rounds of which the median is taken (5)`;

export function readOptions(args: string[]): AzureOptions | "help" {
	const { values } = parseArgs({
		args,
		options: { events: { type: "string" }, rounds: { type: "string" }, help: { type: "boolean", short: "h" } },
	});
	if (values.help === true) return "help";
	return {
		events: numberOption("events", values.events, 10_000),
		rounds: numberOption("rounds", values.rounds, 5),
	};
}
