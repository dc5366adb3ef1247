import { parseArgs } from "node:util";
import { numberOption, patternOption } from "./command-line.js";

/** What a run was asked to do. */
export interface Options {
	readonly events: number;
	readonly rounds: number;
	readonly only: RegExp | undefined;
	readonly native: boolean;
	readonly json: string | undefined;
	/** Where the folders of the stores are made. */
	readonly folder: string;
}

/** As many as the bars are meant for. */
export const DEFAULT_EVENTS = 300_000;

export const USAGE = `npm run bench -- [options]
  --events N      events of 1 KiB that most rows write and read (300000)
  --rounds N      rounds of which the median is taken (5)
  --quick         20000 events and 3 rounds: whether it works, not how fast it is
  --only REGEX    only the rows whose name or title matches
  --native        also the engine's own parts, compiled for this machine (needs Rust; takes minutes)
  --json FILE     also writes what was measured to a file
  --folder PATH   where stores are made: on the disk that is to be measured (.tools in the checkout)
  --list          the names of the rows`;

/** Reads the command line; undefined: only a text was asked for. */
export function readOptions(args: readonly string[], folder: string): Options | "help" | "list" {
	const { values } = parseArgs({
		args: [...args],
		options: {
			events: { type: "string" },
			rounds: { type: "string" },
			quick: { type: "boolean" },
			only: { type: "string" },
			native: { type: "boolean" },
			json: { type: "string" },
			folder: { type: "string" },
			list: { type: "boolean" },
			help: { type: "boolean", short: "h" },
		},
	});
	if (values.help === true) return "help";
	if (values.list === true) return "list";
	return {
		events: numberOption("events", values.events, values.quick === true ? 20_000 : DEFAULT_EVENTS),
		rounds: numberOption("rounds", values.rounds, values.quick === true ? 3 : 5),
		only: patternOption("only", values.only),
		native: values.native === true,
		json: values.json,
		folder: values.folder ?? folder,
	};
}
