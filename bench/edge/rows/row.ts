import type { Line } from "../../src/table.js";

export interface Settings {
	readonly rounds: number;
	/** How many batches of 1,000 events one round writes. */
	readonly batches: number;
}

/** One thing that is measured, which may give several lines. It starts its server and stops it. */
export interface Row {
	readonly name: string;
	readonly title: string;
	measure(settings: Settings): Promise<Line[]>;
}
