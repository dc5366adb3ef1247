import { createRequire } from "node:module";
import type { Output } from "./output.js";
import { count, isDumb, size } from "./terminal.js";

/** Something that takes a while, as seen by who waits for it. */
export interface Bar {
	update(done: number, total?: number | undefined): void;
	/** Takes the bar off the screen. */
	stop(): void;
}

const NONE: Bar = Object.freeze({ update: () => {}, stop: () => {} });

// Columns of the line that fills up.
const LONGEST_LINE = 30;
const SHORTEST_LINE = 5;

/** A bar on a terminal that can take it off again, and nothing elsewhere. total: 0 while it is not known. */
export function progressBar(
	output: Output,
	quiet: boolean,
	title: string,
	total: number,
	unit: "bytes" | "entries",
): Bar {
	if (quiet || !output.isTerminal || isDumb()) return NONE;
	const show = (value: number): string => (unit === "bytes" ? size(value) : count(value));
	// Loaded here, since few runs have a bar and every run would wait for it.
	const { SingleBar } = createRequire(import.meta.url)("cli-progress") as typeof import("cli-progress");
	const bar = new SingleBar({
		stream: process.stderr,
		clearOnComplete: true,
		hideCursor: true,
		// Signals are handled in one place for the whole program.
		gracefulExit: false,
		fps: 5,
		format: (_, { value, total: all, startTime }) => {
			const seconds = (Date.now() - startTime) / 1000;
			const rate = seconds < 0.1 ? "" : `, ${show(value / seconds)}/s`;
			if (all <= 0) return `${title} ${show(value)}${rate}`;
			const share = Math.min(1, value / all);
			const text = `${Math.floor(share * 100)}% ${show(value)}${rate}`;
			// On a narrow terminal the numbers say more than the line.
			const columns = Math.min(LONGEST_LINE, output.width - `${title} [] ${text}`.length);
			if (columns < SHORTEST_LINE) return `${title} ${text}`;
			const filled = Math.round(share * columns);
			return `${title} [${"#".repeat(filled)}${"-".repeat(columns - filled)}] ${text}`;
		},
	});
	bar.start(total, 0);
	return {
		update: (done, all) => {
			if (all !== undefined) bar.setTotal(all);
			bar.update(done);
		},
		stop: () => bar.stop(),
	};
}
