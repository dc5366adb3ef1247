import { parseArgs } from "node:util";
import { numberOption, patternOption } from "../src/command-line.js";

/** What a run was asked to do. */
export interface EdgeOptions {
	readonly batches: number;
	readonly rounds: number;
	readonly quick: boolean;
	readonly only: RegExp | undefined;
	readonly json: string | undefined;
}

export const USAGE = `npm run bench:edge -- [options]
  --batches N     batches of 1,000 events of 1 KiB (40)
  --rounds N      rounds of which the median is taken (5)
  --quick         8 batches and 3 rounds: whether it works, not how fast it is
  --only REGEX    only the rows whose name or title matches
  --json FILE     also writes what was measured to a file`;

export function readOptions(args: string[]): EdgeOptions | "help" {
	const { values } = parseArgs({
		args,
		options: {
			batches: { type: "string" },
			rounds: { type: "string" },
			quick: { type: "boolean" },
			only: { type: "string" },
			json: { type: "string" },
			help: { type: "boolean", short: "h" },
		},
	});
	if (values.help === true) return "help";
	const quick = values.quick === true;
	return {
		batches: numberOption("batches", values.batches, quick ? 8 : 40),
		rounds: numberOption("rounds", values.rounds, quick ? 3 : 5),
		quick,
		only: patternOption("only", values.only),
		json: values.json,
	};
}
