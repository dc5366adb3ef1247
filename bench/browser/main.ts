// Measures this store in a browser's IndexedDB, beside what could be used there instead, in one run, in one browser,
// with the same data, and prints one table. What the rows are is said in rows.ts. A number is the median of all rounds,
// a ratio that of two medians. A bar that is missed is printed, and no failure.

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type BrowserContext, chromium } from "playwright-core";
import { chromiumHelp, findChromium } from "../../scripts/lib/chromium.mjs";
import { Folders, settle } from "../src/folders.js";
import { machine } from "../src/machine.js";
import { header, isMet, type Line, ratioOf, render } from "../src/table.js";
import { median, orderOf } from "../src/timing.js";
import { type BrowserOptions, DEFAULT_EVENTS, readOptions, USAGE } from "./options.js";
import { type BrowserRow, linesOf, rows } from "./rows.js";
import { serve } from "./site.js";

const say = (text: string): void => void process.stdout.write(`${text}\n`);

interface Measure {
	readonly count: number;
	readonly milliseconds: number;
}

class Bench {
	readonly #context: BrowserContext;
	readonly #url: string;
	readonly #profile: string;
	readonly #options: BrowserOptions;

	constructor(context: BrowserContext, url: string, profile: string, options: BrowserOptions) {
		this.#context = context;
		this.#url = url;
		this.#profile = profile;
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
		const rates = new Map<string, number[]>(row.sides.map(({ name }) => [name, []]));
		const counted = (share: string): number => (share === "all" ? events : some);
		for (const { name, share } of row.sides) await this.#inPage(row.name, name, counted(share), "prepare");
		for (let round = 0; round < rounds; round++) {
			for (const { name, share } of orderOf(row.sides, round)) {
				settle(this.#profile);
				const { count, milliseconds } = await this.#inPage(row.name, name, counted(share), "run");
				const rate = (count / milliseconds) * 1000;
				rates.get(name)?.push(rate);
				process.stderr.write(`  round ${round + 1}: ${name}: ${Math.round(rate)}/s\n`);
			}
		}
		for (const { name, share } of row.sides) await this.#inPage(row.name, name, counted(share), "remove");
		return linesOf(row, new Map([...rates].map(([name, values]) => [name, median(values)])));
	}
}

/** Whether all rows were measured. */
async function measure(options: BrowserOptions): Promise<boolean> {
	const executablePath = findChromium();
	if (executablePath === undefined) throw new Error(chromiumHelp);
	const { events, some, rounds } = options;
	const profile = new Folders(options.folder).fresh();
	const site = await serve();
	const context = await chromium.launchPersistentContext(profile, {
		executablePath,
		args: ["--no-sandbox", "--js-flags=--expose-gc"],
	});
	context.setDefaultTimeout(120_000);
	try {
		const facts = { ...machine(["dexie", "rxdb"]), chromium: context.browser()?.version() ?? "?" };
		say(
			Object.entries(facts)
				.map(([name, value]) => `${name} ${value}`)
				.join(", "),
		);
		const shown = (count: number): string => count.toLocaleString("en-US");
		say(
			`${shown(events)} JSON events of 1 KiB, ${shown(some)} where that would take minutes; medians of ${rounds} rounds;`,
		);
		say(`the profile is in ${profile}`);
		if (events < DEFAULT_EVENTS)
			say("fewer events than the bars are meant for: this shows that it works, not how fast it is");
		say("");
		say(header());
		const bench = new Bench(context, site.url, profile, options);
		const only = options.only === undefined ? undefined : new RegExp(options.only);
		const lines: Line[] = [];
		const failed: string[] = [];
		for (const row of rows) {
			if (only !== undefined && !only.test(row.name) && !only.test(row.title)) continue;
			process.stderr.write(`${row.name}: ${row.title}\n`);
			try {
				const measured = await bench.row(row);
				lines.push(...measured);
				for (const line of measured) say(render(line));
			} catch (error) {
				failed.push(row.name);
				say(`${row.title}: FAILED: ${error instanceof Error ? error.message : String(error)}`);
			}
		}
		const bars = lines.filter((line) => isMet(line) !== undefined);
		const met = bars.filter((line) => isMet(line) === true);
		say("");
		say(`${met.length} of ${bars.length} bars met${failed.length > 0 ? `; failed: ${failed.join(", ")}` : ""}`);
		if (options.json !== undefined) {
			const results = lines.map((line) => ({ ...line, ratio: ratioOf(line), met: isMet(line) }));
			const settings = { events, some, rounds };
			writeFileSync(options.json, `${JSON.stringify({ machine: facts, settings, results, failed }, undefined, 2)}\n`);
		}
		return failed.length === 0;
	} finally {
		await context.close();
		site.stop();
	}
}

const options = readOptions(process.argv.slice(2), fileURLToPath(new URL("../../.tools", import.meta.url)));
if (options === "help") say(USAGE);
else if (!(await measure(options))) process.exitCode = 1;
