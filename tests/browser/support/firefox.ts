// Firefox, by Puppeteer, which speaks to it as it comes: Playwright needs one of its own.

import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { launch, type Page, type Browser as Running } from "puppeteer-core";
import { findFirefox, firefoxHelp } from "../../../scripts/lib/browsers.mjs";
import { Browser, PATIENCE, type Start, type Tab } from "./browser.js";
import { Profile } from "./profile.js";

class FirefoxTab implements Tab {
	readonly #page: Page;

	constructor(page: Page) {
		this.#page = page;
	}

	evaluate<T, A = undefined>(run: (given: A) => T | Promise<T>, given?: A): Promise<T> {
		return this.#page.evaluate(run as (given: unknown) => T | Promise<T>, given) as Promise<T>;
	}

	async reload(): Promise<void> {
		await this.#page.reload();
	}

	close(): Promise<void> {
		return this.#page.close();
	}
}

export class Firefox extends Browser {
	readonly name = "Firefox";
	readonly remembers = true;
	readonly ends = [{ title: "the browser is killed", bring: () => this.#kill() }];
	readonly #args: readonly string[];
	readonly #profile: Profile;
	#running: Running | undefined;

	constructor({ profile, args = [] }: Start = {}) {
		super();
		this.#args = args;
		this.#profile = new Profile(profile);
	}

	async #launch(): Promise<Running> {
		if (this.#running !== undefined) return this.#running;
		const executablePath = findFirefox();
		if (executablePath === undefined) throw new Error(firefoxHelp);
		this.#running = await launch({
			browser: "firefox",
			executablePath,
			userDataDir: await this.#profile.folder(),
			args: [...this.#args],
			timeout: PATIENCE,
			protocolTimeout: PATIENCE,
		});
		return this.#running;
	}

	async visit(url: string): Promise<Tab> {
		const page = await (await this.#launch()).newPage();
		page.setDefaultTimeout(PATIENCE);
		await page.goto(url);
		return new FirefoxTab(page);
	}

	async #kill(): Promise<void> {
		const running = this.#running;
		this.#running = undefined;
		const child = running?.process();
		if (!child) throw new Error("Firefox does not run");
		const ended = once(child, "exit");
		child.kill("SIGKILL");
		await ended;
		// Puppeteer lends the profile settings, and takes them back once Firefox has ended.
		const own = join(await this.#profile.folder(), "user.js.puppeteer");
		while (existsSync(own)) await delay(10);
	}

	async quit(): Promise<void> {
		await this.#running?.close();
		this.#running = undefined;
	}

	async shutDown(): Promise<void> {
		await this.quit();
		await this.#profile.remove();
	}
}
