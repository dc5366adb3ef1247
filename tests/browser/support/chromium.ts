// Chromium, by Playwright. With a profile on the disk as users have it: windows without one keep IndexedDB in memory.

import { type BrowserContext, type CDPSession, chromium, type Frame, type Page } from "playwright-core";
import { chromiumHelp, findChromium } from "../../../scripts/lib/browsers.mjs";
import { Browser, PATIENCE, type Start, type Tab } from "./browser.js";
import { Profile } from "./profile.js";

/** A tab of Chromium, with the browser's own controls. */
export class ChromiumTab implements Tab {
	readonly #page: Page;

	constructor(page: Page) {
		this.#page = page;
	}

	evaluate<T, A = undefined>(run: (given: A) => T | Promise<T>, given?: A): Promise<T> {
		return this.#page.evaluate(run as (given: unknown) => T | Promise<T>, given);
	}

	async reload(): Promise<void> {
		await this.#page.reload();
	}

	close(): Promise<void> {
		return this.#page.close();
	}

	/** Goes to another page, and gives the frame within it, with the same modules. */
	async frameOf(url: string): Promise<Frame> {
		await this.#page.goto(url);
		const frame = this.#page.frames().find((frame) => frame !== this.#page.mainFrame());
		if (frame === undefined) throw new Error(`${url} has no frame`);
		await frame.waitForFunction(() => "streamkit" in globalThis);
		return frame;
	}

	controls(): Promise<CDPSession> {
		return this.#page.context().newCDPSession(this.#page);
	}

	/** Kills the process of the tab. */
	async crash(): Promise<void> {
		const crashed = this.#page.waitForEvent("crash");
		const session = await this.controls();
		// The process that would answer is the one that is killed.
		session.send("Page.crash").catch(() => {});
		await crashed;
		await this.#page.close();
	}
}

export class Chromium extends Browser<ChromiumTab> {
	readonly name = "Chromium";
	readonly remembers = true;
	readonly ends = [{ title: "its process is killed", bring: (tab: Tab) => (tab as ChromiumTab).crash() }];
	readonly #args: readonly string[];
	readonly #profile: Profile;
	#context: BrowserContext | undefined;

	constructor({ profile, args = [] }: Start = {}) {
		super();
		this.#args = args;
		this.#profile = new Profile(profile);
	}

	async #launch(): Promise<BrowserContext> {
		if (this.#context !== undefined) return this.#context;
		const executablePath = findChromium();
		if (executablePath === undefined) throw new Error(chromiumHelp);
		this.#context = await chromium.launchPersistentContext(await this.#profile.folder(), {
			executablePath,
			// The sandbox refuses to run as root.
			args: ["--no-sandbox", ...this.#args],
			timeout: PATIENCE,
		});
		this.#context.setDefaultTimeout(PATIENCE);
		return this.#context;
	}

	async visit(url: string): Promise<ChromiumTab> {
		const page = await (await this.#launch()).newPage();
		await page.goto(url);
		return new ChromiumTab(page);
	}

	async quit(): Promise<void> {
		await this.#context?.close();
		this.#context = undefined;
	}

	async shutDown(): Promise<void> {
		await this.quit();
		await this.#profile.remove();
	}
}
