// Measures this store in a browser's IndexedDB, beside what could be used there instead, in one run, in one browser,
// with the same data, and prints one table. What the rows are is said in rows.ts. A number is the median of all rounds,
// a ratio that of two medians. A bar that is missed is printed, and no failure.

import { fileURLToPath } from "node:url";
import { type Browser, until } from "../../tests/browser/support/browser.js";
import { Chromium } from "../../tests/browser/support/chromium.js";
import { Firefox } from "../../tests/browser/support/firefox.js";
import { WebKit } from "../../tests/browser/support/webkit.js";
import { commandLine } from "../src/command-line.js";
import { Folders } from "../src/folders.js";
import { machine } from "../src/machine.js";
import { report, say } from "../src/report.js";
import type { Line } from "../src/table.js";
import { inRounds, type Measure, mediansOf, rateOf } from "../src/timing.js";
import { type BrowserOptions, DEFAULT_EVENTS, readOptions, USAGE } from "./options.js";
import { type BrowserRow, linesOf, rows, type SideRow, withoutBars } from "./rows.js";
import { serve } from "./site.js";

/** What went wrong in the page before it could be asked anything; set by the page itself. */
declare global {
	var broken: string | undefined;
}

function start(options: BrowserOptions, profile: string): Browser {
	switch (options.browser) {
		case "chromium":
			return new Chromium({ profile, args: ["--js-flags=--expose-gc"] });
		case "firefox":
			return new Firefox({ profile });
		case "webkit":
			return new WebKit();
	}
}

class Bench {
	readonly #browser: Browser;
	readonly #url: string;
	/** Waits until the disk of the profile is idle. */
	readonly #settle: () => void;
	readonly #options: BrowserOptions;

	constructor(browser: Browser, url: string, settle: () => void, options: BrowserOptions) {
		this.#browser = browser;
		this.#url = url;
		this.#settle = settle;
		this.#options = options;
	}

	/** Runs one step of a side in a page of its own. */
	async #inPage(row: string, side: string, count: number, step: "prepare" | "run" | "remove"): Promise<Measure> {
		const tab = await this.#browser.visit(this.#url);
		try {
			await until(tab, () => {
				if (globalThis.broken !== undefined) throw new Error(globalThis.broken);
				return "bench" in globalThis;
			});
			return await tab.evaluate(([row, side, count, step]) => bench(row, side, count, step), [
				row,
				side,
				count,
				step,
			] as const);
		} finally {
			await tab.close();
		}
	}

	/** Which browser it is. */
	async agent(): Promise<string> {
		const tab = await this.#browser.visit(this.#url);
		const agent = await tab.evaluate(() => navigator.userAgent);
		await tab.close();
		return agent;
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
	const { events, some, rounds, only, json } = options;
	const folders = new Folders(options.folder);
	const profile = folders.fresh();
	const site = await serve();
	const browser = start(options, profile);
	try {
		const shown = (count: number): string => count.toLocaleString("en-US");
		const about = [
			`${shown(events)} JSON events of 1 KiB, ${shown(some)} where that would take minutes; medians of ${rounds} rounds;`,
			browser.remembers ? `the profile is in ${profile}` : `${browser.name} keeps its storage in memory`,
		];
		if (events < DEFAULT_EVENTS)
			about.push("fewer events than the bars are meant for: this shows that it works, not how fast it is");
		const bench = new Bench(browser, site.url, () => folders.settle(profile), options);
		return await report({
			machine: { ...machine(["dexie", "rxdb"]), browser: await bench.agent() },
			about,
			rows: options.browser === "chromium" ? rows : rows.map(withoutBars),
			measure: (row) => bench.row(row),
			only,
			json,
			settings: { events, some, rounds },
		});
	} finally {
		await browser.quit();
		site.stop();
	}
}

const folder = fileURLToPath(new URL("../../.tools", import.meta.url));
const options = commandLine(USAGE, (args) => readOptions(args, folder));
if (options === "help") say(USAGE);
else if (!(await measure(options))) process.exitCode = 1;
