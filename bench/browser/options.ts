import { parseArgs } from "node:util";
import { numberOption, patternOption } from "../src/command-line.js";

const browsers = ["chromium", "firefox", "webkit"] as const;

export interface BrowserOptions {
	readonly browser: (typeof browsers)[number];
	/** Events of a side that gets all. */
	readonly events: number;
	/** Events of a side that gets some. */
	readonly some: number;
	readonly rounds: number;
	readonly only: RegExp | undefined;
	readonly json: string | undefined;
	/** Where the browser's profile is made. */
	readonly folder: string;
}

/** As many as the bars are meant for. */
export const DEFAULT_EVENTS = 100_000;

export const USAGE = `npm run bench:browser -- [options]
  --browser NAME  chromium, firefox or webkit (chromium, which the bars are meant for)
  --events N      events of 1 KiB that most sides write and read (100000); slow sides get a fifth
  --rounds N      rounds of which the median is taken (5)
  --quick         10000 events and 3 rounds: whether it works, not how fast it is
  --only REGEX    only the rows whose name or title matches
  --json FILE     also writes what was measured to a file
  --folder PATH   where the browser's profile is made: on the disk that is to be measured (.tools in the checkout)
It runs the Chromium that CHROMIUM names or the Firefox that FIREFOX names, else the first one in PATH.`;

export function readOptions(args: readonly string[], folder: string): BrowserOptions | "help" {
	const { values } = parseArgs({
		args: [...args],
		options: {
			browser: { type: "string", default: "chromium" },
			events: { type: "string" },
			rounds: { type: "string" },
			quick: { type: "boolean" },
			only: { type: "string" },
			json: { type: "string" },
			folder: { type: "string" },
			help: { type: "boolean", short: "h" },
		},
	});
	if (values.help === true) return "help";
	const browser = browsers.find((name) => name === values.browser);
	if (browser === undefined) throw new Error(`--browser must be one of ${browsers.join(", ")}`);
	const events = numberOption("events", values.events, values.quick === true ? 10_000 : DEFAULT_EVENTS);
	return {
		browser,
		events,
		some: Math.max(Math.min(1000, events), Math.round(events / 5)),
		rounds: numberOption("rounds", values.rounds, values.quick === true ? 3 : 5),
		only: patternOption("only", values.only),
		json: values.json,
		folder: values.folder ?? folder,
	};
}
