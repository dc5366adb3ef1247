// A profile on the disk for each user, as real ones have it. The page's own errors fail the test that looks at `errors`.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Locator, type Page } from "playwright-core";
import { chromiumHelp, findChromium } from "../../../scripts/lib/chromium.mjs";
import { buildExample, Site } from "./site.js";

// A slow machine is no failure; a test that is stuck is one, whenever it is found out.
const PATIENCE = 120_000;

let site: Promise<Site> | undefined;
const users: User[] = [];

/** The built example, served. */
export function sharedSite(): Promise<Site> {
	site ??= (async () => {
		const made = new Site(await buildExample());
		await made.start();
		return made;
	})();
	return site;
}

/** Ends everything and removes what was made. */
export async function shutDown(): Promise<void> {
	await Promise.all(users.map((user) => user.leave()));
	await (await site)?.remove();
}

/** Somebody with a browser of their own. */
export class User {
	readonly context: BrowserContext;
	readonly site: Site;
	readonly #profile: string;
	/** What went wrong in the page without being caught, or was refused by its policy. */
	readonly errors: string[] = [];

	private constructor(context: BrowserContext, site: Site, profile: string) {
		this.context = context;
		this.site = site;
		this.#profile = profile;
	}

	static async arrive(site?: Site): Promise<User> {
		const executablePath = findChromium();
		if (executablePath === undefined) throw new Error(chromiumHelp);
		const profile = await mkdtemp(join(tmpdir(), "streamkit-offline-user-"));
		const context = await chromium.launchPersistentContext(profile, {
			executablePath,
			// The sandbox refuses to run as root.
			args: ["--no-sandbox"],
			viewport: { width: 1100, height: 800 },
			locale: "en-GB",
			timeout: PATIENCE,
		});
		context.setDefaultTimeout(PATIENCE);
		const user = new User(context, site ?? (await sharedSite()), profile);
		users.push(user);
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
		await this.context.close();
		await rm(this.#profile, { recursive: true, force: true, maxRetries: 5 });
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
