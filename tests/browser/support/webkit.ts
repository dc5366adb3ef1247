// WebKit, the engine of Safari, by WebDriver: the small browser that comes with WebKit for GTK. While it is driven it keeps
// IndexedDB in memory.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { Builder, Capabilities, type WebDriver } from "selenium-webdriver";
import { findWebKit, webKitHelp } from "../../../scripts/lib/browsers.mjs";
import { freePort } from "../../../scripts/lib/free-port.mjs";
import { Browser, PATIENCE, type Tab } from "./browser.js";

// How long a call in the page takes: nobody waits for it in the meantime, and other tabs can be asked.
const LOOK_EVERY = 10;

/** Calls that have ended in a page, by their numbers; as text, which keeps apart what is undefined and what is null. */
interface Page {
	ended?: Record<number, string>;
}

/** Begins a call in the page. */
function begin<A>(call: number, run: (given: A) => unknown, given: A): void {
	const page = globalThis as Page;
	page.ended ??= {};
	const { ended } = page;
	(async () => run(given))().then(
		(value) => {
			ended[call] = JSON.stringify({ value });
		},
		(error: unknown) => {
			ended[call] = JSON.stringify({ error: `${error}\n${(error as Partial<Error> | undefined)?.stack}` });
		},
	);
}

/** How a call in the page ended; null: it has not. */
function look(call: number): string | null {
	const { ended } = globalThis as Page;
	if (ended === undefined) return '{"error":"the page is another one now"}';
	const text = ended[call] ?? null;
	delete ended[call];
	return text;
}

/** The driver's commands go to the tab that it was switched to last: one at a time. */
class Session {
	readonly driver: WebDriver;
	#turn: Promise<unknown> = Promise.resolve();

	constructor(driver: WebDriver) {
		this.driver = driver;
	}

	alone<T>(work: () => Promise<T>): Promise<T> {
		const turn = this.#turn.then(work);
		this.#turn = turn.catch(() => {});
		return turn;
	}

	/** In the tab of that handle. */
	at<T>(handle: string, work: (driver: WebDriver) => Promise<T>): Promise<T> {
		return this.alone(async () => {
			await this.driver.switchTo().window(handle);
			return work(this.driver);
		});
	}
}

class WebKitTab implements Tab {
	readonly #session: Session;
	readonly #handle: string;
	#calls = 0;

	constructor(session: Session, handle: string) {
		this.#session = session;
		this.#handle = handle;
	}

	async evaluate<T, A = undefined>(run: (given: A) => T | Promise<T>, given?: A): Promise<T> {
		const call = ++this.#calls;
		await this.#script(`(${begin})(${call}, ${run}, ${given === undefined ? "undefined" : JSON.stringify(given)})`);
		for (;;) {
			const text = await this.#script<string | null>(`return (${look})(${call})`);
			if (text === null) {
				await delay(LOOK_EVERY);
				continue;
			}
			const { value, error } = JSON.parse(text) as { value: T; error?: string };
			if (error !== undefined) throw new Error(error);
			return value;
		}
	}

	#script<T>(script: string): Promise<T> {
		return this.#session.at(this.#handle, (driver) => driver.executeScript<T>(script));
	}

	async open(url: string): Promise<void> {
		await this.#session.at(this.#handle, (driver) => driver.get(url));
	}

	async reload(): Promise<void> {
		await this.#session.at(this.#handle, (driver) => driver.navigate().refresh());
	}

	close(): Promise<void> {
		return this.#session.at(this.#handle, (driver) => driver.close());
	}
}

export class WebKit extends Browser {
	readonly name = "WebKit";
	readonly remembers = false;
	readonly ends = [];
	readonly #processes: ChildProcess[] = [];
	#starting: Promise<Session> | undefined;

	constructor() {
		super();
		// A driver that is left behind keeps its browser and its display.
		process.once("exit", () => {
			for (const child of this.#processes) child.kill();
		});
	}

	async #launch(): Promise<Session> {
		const found = findWebKit();
		if (found === undefined) throw new Error(webKitHelp);
		const display = spawn(found.display, ["-displayfd", "3", "-nolisten", "tcp"], {
			stdio: ["ignore", "ignore", "ignore", "pipe"],
		});
		this.#processes.push(display);
		const [number] = await once(display.stdio[3] as Readable, "data");
		const port = await freePort();
		const driver = spawn(found.driver, ["--host=127.0.0.1", `--port=${port}`], {
			stdio: "ignore",
			env: { ...process.env, DISPLAY: `:${String(number).trim()}` },
		});
		this.#processes.push(driver);
		const server = `http://127.0.0.1:${port}`;
		while (
			!(await fetch(`${server}/status`).then(
				(answer) => answer.ok,
				() => false,
			))
		) {
			if (driver.exitCode !== null) throw new Error(`${found.driver} ended with ${driver.exitCode}`);
			await delay(LOOK_EVERY);
		}
		const capabilities = new Capabilities({
			browserName: "MiniBrowser",
			timeouts: { script: PATIENCE, pageLoad: PATIENCE },
		});
		return new Session(await new Builder().usingServer(server).withCapabilities(capabilities).build());
	}

	async visit(url: string): Promise<Tab> {
		this.#starting ??= this.#launch();
		const session = await this.#starting;
		const handle = await session.alone(async () => {
			// The window that the browser began with stays: the session ends with the last one.
			const [first] = await session.driver.getAllWindowHandles();
			if (first !== undefined) await session.driver.switchTo().window(first);
			await session.driver.switchTo().newWindow("window");
			return session.driver.getWindowHandle();
		});
		const tab = new WebKitTab(session, handle);
		await tab.open(url);
		return tab;
	}

	async quit(): Promise<void> {
		const session = await this.#starting;
		this.#starting = undefined;
		await session?.driver.quit();
		for (const child of this.#processes.splice(0).reverse()) {
			const ended = once(child, "exit");
			if (child.kill()) await ended;
		}
	}

	shutDown(): Promise<void> {
		return this.quit();
	}
}
