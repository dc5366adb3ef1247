import { Events } from "../data.js";
import type { Folders } from "../folders.js";
import type { Bar, Figure, Line, Unit } from "../table.js";

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

export const atLeast = (ratio: number): Bar => ({ is: "at least", ratio });
export const atMost = (ratio: number): Bar => ({ is: "at most", ratio });

/** Makes lines out of what a race gave: `ours` against each of the others, with the bar where there is one. */
export class Lines {
	readonly all: Line[] = [];
	readonly #medians: ReadonlyMap<string, number>;
	readonly #unit: Unit;

	constructor(medians: ReadonlyMap<string, number>, unit: Unit = "events/s") {
		this.#medians = medians;
		this.#unit = unit;
	}

	#figure(name: string): Figure {
		const value = this.#medians.get(name);
		if (value === undefined) throw new Error(`nothing was measured as "${name}"`);
		return { name, value, unit: this.#unit };
	}

	add(title: string, ours: string, other?: string, bar?: Bar): this {
		this.all.push({
			title,
			ours: this.#figure(ours),
			...(other === undefined ? {} : { other: this.#figure(other) }),
			...(bar === undefined ? {} : { bar }),
		});
		return this;
	}
}

/** Where one at a time is slow, fewer events do. */
export const some = (context: Context, atMostSo: number): number => Math.min(context.events, atMostSo);

/** The events of a row. */
export const makeEvents = (count: number): Events => new Events(count);
