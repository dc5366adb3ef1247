// Profiles on the disk, as real ones are. Most users share one browser and have an origin of their own: storage, service
// worker and page are apart then, and starting a browser is what takes longest.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Locator, type Page } from "playwright-core";
import { chromiumHelp, findChromium } from "../../../scripts/lib/browsers.mjs";
import { buildExample, Site } from "./site.js";

// A slow machine is no failure; a test that is stuck is one, whenever it is found out.
const PATIENCE = 120_000;

let built: Promise<string> | undefined;
let shared: Promise<BrowserContext> | undefined;
const profiles: string[] = [];
const users = new Set<User>();

/** The folder with the built example. */
export function builtExample(): Promise<string> {
	built ??= buildExample();
	return built;
}

async function startBrowser(): Promise<BrowserContext> {
	const executablePath = findChromium();
	if (executablePath === undefined) throw new Error(chromiumHelp);
	const profile = await mkdtemp(join(tmpdir(), "streamkit-offline-user-"));
	profiles.push(profile);
	const context = await chromium.launchPersistentContext(profile, {
		executablePath,
		// The sandbox refuses to run as root.
		args: ["--no-sandbox"],
		viewport: { width: 1100, height: 800 },
		locale: "en-GB",
		timeout: PATIENCE,
	});
	context.setDefaultTimeout(PATIENCE);
	return context;
}

/** Ends everything and removes what was made. */
export async function shutDown(): Promise<void> {
	for (const user of [...users]) await user.leave();
	await (await shared)?.close();
	if (built !== undefined) profiles.push(await built);
	await Promise.all(profiles.map((path) => rm(path, { recursive: true, force: true, maxRetries: 5 })));
}

/** Somebody who uses the page. */
export class User {
	readonly context: BrowserContext;
	readonly site: Site;
	readonly #ownsBrowser: boolean;
	readonly #pages: Page[] = [];
	/** What went wrong in the page without being caught, or was refused by its policy. */
	readonly errors: string[] = [];

	private constructor(context: BrowserContext, site: Site, ownsBrowser: boolean) {
		this.context = context;
		this.site = site;
		this.#ownsBrowser = ownsBrowser;
	}

	/** With a browser of their own, or of the page that is in another folder than the one for all. */
	static async arrive(options: { ownBrowser?: boolean; folder?: string } = {}): Promise<User> {
		const { ownBrowser = false, folder = await builtExample() } = options;
		const site = new Site(folder);
		await site.start();
		if (!ownBrowser) shared ??= startBrowser();
		const context = await (ownBrowser || shared === undefined ? startBrowser() : shared);
		const user = new User(context, site, ownBrowser);
		users.add(user);
		return user;
	}

	/** A tab of its own window: tabs that are not seen are slow to answer, and these stand side by side. */
	async newTab(): Promise<Page> {
		const [first] = this.context.pages();
		if (first === undefined) throw new Error("the browser has no tab");
		const [page] = await Promise.all([
			this.context.waitForEvent("page"),
			first.evaluate(() => void open("about:blank", "_blank", "popup,noopener")),
		]);
		// With a listener from the start no dialog of the browser's own can come up: later it may be too late for one.
		page.on("filechooser", () => {});
		this.#pages.push(page);
		return page;
	}

	/** A tab with the log, once it can be written to. */
	async open(): Promise<Page> {
		const page = await this.newTab();
		page.on("pageerror", (error) => this.errors.push(String(error)));
		page.on("console", (message) => {
			// What cannot be fetched without a network is said here as well.
			if (message.type() === "error" && !message.text().includes("net::ERR_")) this.errors.push(message.text());
		});
		await page.goto(this.site.url);
		await opened(page);
		return page;
	}

	async leave(): Promise<void> {
		if (!users.delete(this)) return;
		if (this.#ownsBrowser) await this.context.close();
		else for (const page of this.#pages) await page.close();
		await this.site.stop();
	}
}

/** Waits until the log is shown. */
export async function opened(page: Page): Promise<void> {
	await page.locator('#page[aria-busy="false"]').waitFor();
}

/** Waits until everything is kept. */
export async function kept(page: Page): Promise<void> {
	await page.getByText("Ready for offline use").waitFor();
}

export const textField = (page: Page): Locator => page.getByLabel("What did you see?");
export const placeField = (page: Page): Locator => page.getByLabel("Place", { exact: true });
export const note = (page: Page, text: string): Locator => page.locator(".note", { hasText: text });

/** Writes a note, and waits until it is shown. */
export async function write(page: Page, place: string, text: string): Promise<void> {
	await placeField(page).fill(place);
	await textField(page).fill(text);
	await page.getByRole("button", { name: "Save note" }).click();
	await note(page, text).first().waitFor();
	// The field is emptied when the note is stored.
	await page.waitForFunction(() => document.querySelector<HTMLTextAreaElement>("#text")?.value === "");
}

/** What a tab shows, newest first: place, number, text. */
export async function shown(page: Page): Promise<string[]> {
	return page
		.locator(".note")
		.evaluateAll((items) =>
			items.map((item) =>
				[".place", ".number", ".text"].map((part) => item.querySelector(part)?.textContent).join("|"),
			),
		);
}

/** The same with ids and exact times. */
export async function shownExactly(page: Page): Promise<string[]> {
	return page
		.locator(".note")
		.evaluateAll((items) =>
			items.map((item) =>
				[
					item.getAttribute("data-id"),
					...[...item.querySelectorAll("time")].map((time) => time.dateTime),
					...[".place", ".number", ".text"].map((part) => item.querySelector(part)?.textContent),
				].join("|"),
			),
		);
}

/** Exports the log, and gives the file. */
export async function exportFile(page: Page): Promise<{ name: string; path: string }> {
	const [download] = await Promise.all([
		page.waitForEvent("download"),
		page.getByRole("button", { name: "Export" }).click(),
	]);
	return { name: download.suggestedFilename(), path: await download.path() };
}
