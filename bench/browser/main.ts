// Measures this store in a browser's IndexedDB, beside what could be used there instead, in one run, in one browser,
// with the same data, and prints one table. What the rows are is said in rows.ts. A number is the median of all rounds,
// a ratio that of two medians. A bar that is missed is printed, and no failure.

import { fileURLToPath } from "node:url";
import { type BrowserContext, chromium } from "playwright-core";
import { chromiumHelp, findChromium } from "../../scripts/lib/browsers.mjs";
import { Folders } from "../src/folders.js";
import { machine } from "../src/machine.js";
import { report, say } from "../src/report.js";
import type { Line } from "../src/table.js";
import { inRounds, type Measure, mediansOf, rateOf } from "../src/timing.js";
import { type BrowserOptions, DEFAULT_EVENTS, readOptions, USAGE } from "./options.js";
import { type BrowserRow, linesOf, rows, type SideRow } from "./rows.js";
import { serve } from "./site.js";

class Bench {
	readonly #context: BrowserContext;
	readonly #url: string;
	/** Waits until the disk of the profile is idle. */
	readonly #settle: () => void;
	readonly #options: BrowserOptions;

	constructor(context: BrowserContext, url: string, settle: () => void, options: BrowserOptions) {
		this.#context = context;
		this.#url = url;
		this.#settle = settle;
		this.#options = options;
	}

	/** Runs one step of a side in a page of its own. */
	async #inPage(row: string, side: string, count: number, step: "prepare" | "run" | "remove"): Promise<Measure> {
		const page = await this.#context.newPage();
		try {
			const broken = new Promise<never>((_, reject) => page.once("pageerror", reject));
			// What breaks later fails the step itself.
			broken.catch(() => {});
			await page.goto(this.#url);
			await Promise.race([page.waitForFunction(() => "bench" in globalThis), broken]);
			return await page.evaluate(([row, side, count, step]) => bench(row, side, count, step), [
				row,
				side,
				count,
				step,
			] as const);
		} finally {
			await page.close();
		}
	}

	async row(row: BrowserRow): Promise<Line[]> {
		const { events, some, rounds } = this.#options;
		const step = ({ name, share }: SideRow, step: "prepare" | "run" | "remove"): Promise<Measure> =>
			this.#inPage(row.name, name, share === "all" ? events : some, step);
		for (const side of row.sides) await step(side, "prepare");
		const rates = await inRounds(row.sides, rounds, async (side, round) => {
			this.#settle();
			return rateOf(await step(side, "run"), side.name, round);
		});
		for (const side of row.sides) await step(side, "remove");
		return linesOf(
			row,
			mediansOf(rates, (rate) => rate),
		);
	}
}

/** Whether all rows were measured. */
async function measure(options: BrowserOptions): Promise<boolean> {
	const executablePath = findChromium();
	if (executablePath === undefined) throw new Error(chromiumHelp);
	const { events, some, rounds, only, json } = options;
	const folders = new Folders(options.folder);
	const profile = folders.fresh();
	const site = await serve();
	const context = await chromium.launchPersistentContext(profile, {
		executablePath,
		args: ["--no-sandbox", "--js-flags=--expose-gc"],
	});
	context.setDefaultTimeout(120_000);
	try {
		const shown = (count: number): string => count.toLocaleString("en-US");
		const about = [
			`${shown(events)} JSON events of 1 KiB, ${shown(some)} where that would take minutes; medians of ${rounds} rounds;`,
			`the profile is in ${profile}`,
		];
		if (events < DEFAULT_EVENTS)
			about.push("fewer events than the bars are meant for: this shows that it works, not how fast it is");
		const bench = new Bench(context, site.url, () => folders.settle(profile), options);
		return await report({
			machine: { ...machine(["dexie", "rxdb"]), chromium: context.browser()?.version() ?? "?" },
			about,
			rows,
			measure: (row) => bench.row(row),
			only,
			json,
			settings: { events, some, rounds },
		});
	} finally {
		await context.close();
		site.stop();
	}
}

const options = readOptions(process.argv.slice(2), fileURLToPath(new URL("../../.tools", import.meta.url)));
if (options === "help") say(USAGE);
else if (!(await measure(options))) process.exitCode = 1;
