// What the cases need of a browser. Each of chromium.ts, firefox.ts and webkit.ts is one.

import { setTimeout as delay } from "node:timers/promises";
import { type Site, sharedSite } from "./site.js";

// A slow machine is no failure; a test that is stuck is one, whenever it is found out.
export const PATIENCE = 120_000;

export interface Tab {
	/** Runs a function in the page: it sees nothing but what it is given, and both that and its answer are plain values. */
	evaluate<T, A = undefined>(run: (given: A) => T | Promise<T>, given?: A): Promise<T>;
	/** Loads the page anew. */
	reload(): Promise<void>;
	close(): Promise<void>;
}

/** A way in which a tab ends while it works. */
export interface End {
	readonly title: string;
	bring(tab: Tab): Promise<void>;
}

/** How a browser is started. */
export interface Start {
	/** The folder of its profile, which stays; else it has one of its own, which is removed. */
	readonly profile?: string;
	readonly args?: readonly string[];
}

/** Waits until a page answers yes. */
export async function until(tab: Tab, look: () => boolean): Promise<void> {
	while (!(await tab.evaluate(look))) await delay(20);
}

/** Waits for the modules of page/main.ts. */
export function loaded(tab: Tab): Promise<void> {
	return until(tab, () => "streamkit" in globalThis);
}

/** A browser with one profile. It is started when a tab is opened. */
export abstract class Browser<T extends Tab = Tab> {
	/** As tests name it. */
	abstract readonly name: string;
	/** Whether it finds what was stored before it was quit. */
	abstract readonly remembers: boolean;
	/** Besides being closed. */
	abstract readonly ends: readonly End[];
	/** A tab with the page at that address. */
	abstract visit(url: string): Promise<T>;
	/** Ends it as a user does; the next tab is opened by another one, with the same profile. */
	abstract quit(): Promise<void>;
	/** Ends it and removes the profile. */
	abstract shutDown(): Promise<void>;

	/** A tab of the site that most tests share, or of one with an origin and storage of its own. */
	async openTab(site?: Site): Promise<T> {
		const tab = await this.visit((site ?? (await sharedSite())).url("/"));
		await loaded(tab);
		return tab;
	}
}

let names = 0;

/** A database that no other test uses. */
export function freshName(): string {
	return `test-${++names}`;
}
