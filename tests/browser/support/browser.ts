// What the cases need of a browser. Each of chromium.ts, firefox.ts and webkit.ts is one.

import type { Site } from "./site.js";

// A slow machine is no failure; a test that is stuck is one, whenever it is found out.
export const PATIENCE = 120_000;

/** A tab with the modules of page/main.ts. */
export interface Tab {
	/** Runs a function in the page: it sees nothing but what it is given, and both that and its answer are plain values. */
	evaluate<T, A = undefined>(run: (given: A) => T | Promise<T>, given?: A): Promise<T>;
	/** Loads the page anew, and waits for its module. */
	reload(): Promise<void>;
	close(): Promise<void>;
}

/** A way in which a tab ends while it works. */
export interface End {
	readonly title: string;
	bring(tab: Tab): Promise<void>;
}

/** A browser with one profile. It is started when a tab is opened. */
export interface Browser {
	/** As tests name it. */
	readonly name: string;
	/** Whether it finds what was stored before it was quit. */
	readonly remembers: boolean;
	/** Besides being closed. */
	readonly ends: readonly End[];
	/** A tab of the site that most tests share, or of one with an origin and storage of its own. */
	openTab(site?: Site): Promise<Tab>;
	/** Ends it as a user does; the next tab is opened by another one, with the same profile. */
	quit(): Promise<void>;
	/** Ends it and removes the profile. */
	shutDown(): Promise<void>;
}

let names = 0;

/** A database that no other test uses. */
export function freshName(): string {
	return `test-${++names}`;
}
