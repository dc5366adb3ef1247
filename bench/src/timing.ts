import type { Folders } from "./folders.js";

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
function orderOf<T>(sides: readonly T[], round: number): T[] {
	const turn = Math.floor(round / 2) % Math.max(sides.length, 1);
	const order = [...sides.slice(turn), ...sides.slice(0, turn)];
	return round % 2 === 0 ? order : order.reverse();
}

/** What each side gave in every round, by its name. */
export async function inRounds<S extends { readonly name: string }, T>(
	sides: readonly S[],
	rounds: number,
	run: (side: S, round: number) => Promise<T>,
): Promise<Map<string, T[]>> {
	const given = new Map<string, T[]>(sides.map(({ name }) => [name, []]));
	for (let round = 0; round < rounds; round++) {
		for (const side of orderOf(sides, round)) given.get(side.name)?.push(await run(side, round));
	}
	return given;
}

/** The median of each side, of what `value` takes from what it gave. */
export function mediansOf<T>(
	given: ReadonlyMap<string, readonly T[]>,
	value: (each: T) => number,
): Map<string, number> {
	return new Map([...given].map(([name, all]) => [name, median(all.map(value))]));
}

/** Events per second, which it shows. */
export function rateOf({ count, milliseconds }: Measure, name: string, round: number): number {
	const rate = (count / milliseconds) * 1000;
	process.stderr.write(`  round ${round + 1}: ${name}: ${Math.round(rate)}/s\n`);
	return rate;
}

/** Events per second of each side: the medians of all rounds. Every run of a side has a fresh folder. */
export async function race(sides: readonly Side[], rounds: number, folders: Folders): Promise<Map<string, number>> {
	const rates = await inRounds(sides, rounds, async (side, round) => {
		const folder = folders.fresh();
		folders.settle(folder);
		const measure = await side.run(folder);
		folders.remove(folder);
		return rateOf(measure, side.name, round);
	});
	return mediansOf(rates, (rate) => rate);
}
