import { type Folders, settle } from "./folders.js";

/** One competitor of a race. It checks by itself that all was stored or read. */
export interface Side {
	readonly name: string;
	/** Does the work once, in a folder that is there and empty. */
	run(folder: string): Promise<Measure>;
}

/** What one run of a side took. */
export interface Measure {
	readonly count: number;
	readonly milliseconds: number;
}

/** The milliseconds that `work` takes. What was left behind before it is collected first. */
export async function timed(work: () => unknown): Promise<number> {
	globalThis.gc?.();
	const start = performance.now();
	await work();
	return performance.now() - start;
}

/** The middle value; between two, their mean. */
export function median(values: readonly number[]): number {
	const sorted = values.toSorted((a, b) => a - b);
	const low = sorted[Math.floor((sorted.length - 1) / 2)];
	const high = sorted[Math.ceil((sorted.length - 1) / 2)];
	if (low === undefined || high === undefined) throw new Error("no median of nothing");
	return (low + high) / 2;
}

/** The order of sides in one round: each comes first in turn, and every other round goes backwards. */
export function orderOf<T>(sides: readonly T[], round: number): T[] {
	const turn = Math.floor(round / 2) % Math.max(sides.length, 1);
	const order = [...sides.slice(turn), ...sides.slice(0, turn)];
	return round % 2 === 0 ? order : order.reverse();
}

/** Events per second of each side: the medians of all rounds. Every run of a side has a fresh folder. */
export async function race(sides: readonly Side[], rounds: number, folders: Folders): Promise<Map<string, number>> {
	const rates = new Map<string, number[]>(sides.map(({ name }) => [name, []]));
	for (let round = 0; round < rounds; round++) {
		for (const side of orderOf(sides, round)) {
			const folder = folders.fresh();
			settle(folder);
			const { count, milliseconds } = await side.run(folder);
			const rate = (count / milliseconds) * 1000;
			rates.get(side.name)?.push(rate);
			process.stderr.write(`  round ${round + 1}: ${side.name}: ${Math.round(rate)}/s\n`);
			folders.remove(folder);
		}
	}
	return new Map([...rates].map(([name, values]) => [name, median(values)]));
}
