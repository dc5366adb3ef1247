import type { Bar, Figure, Line, Unit } from "./table.js";

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
