import { Events } from "../data.js";
import type { Folders } from "../folders.js";
import type { Line } from "../table.js";

/** What a row is given. It runs in a process of its own. */
export interface Context {
	/** How many events a row that fills a store writes and reads. */
	readonly events: number;
	readonly rounds: number;
	readonly folders: Folders;
}

/** One thing that is measured, which may give several lines. */
export interface Row {
	readonly name: string;
	readonly title: string;
	measure(context: Context): Promise<Line[]>;
}

/** Where one at a time is slow, fewer events do. */
export const some = (context: Context, atMostSo: number): number => Math.min(context.events, atMostSo);

/** The events of a row. */
export const makeEvents = (count: number): Events => new Events(count);
