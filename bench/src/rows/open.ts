// Opening a store of a million entries, against one of ten thousand: each time in a fresh process, which measures
// openDirectory() itself, and then peek() of the segment. Both sides are ours; modules are loaded before the clock
// starts. (With fewer events the two sizes shrink alike.)

import type { Opened } from "../processes/open.js";
import { inProcess } from "../processes/process.js";
import { median, orderOf } from "../timing.js";
import { largeStore } from "./large-store.js";
import { atMost, Lines, type Row } from "./row.js";

const title = "open a store";

export const openStores: Row = {
	name: "open",
	title,
	async measure({ events, rounds, folders }) {
		const sizes = [Math.round((events * 10) / 3), Math.max(1, Math.round(events / 30))];
		const stores: { name: string; entries: number; folder: string }[] = [];
		for (const entries of sizes) {
			const { folder } = await largeStore(folders, entries);
			stores.push({ name: `${entries.toLocaleString("en-US")} entries`, entries, folder });
		}
		const opened = new Map<string, number[]>(stores.map(({ name }) => [name, []]));
		const peeked = new Map<string, number[]>(stores.map(({ name }) => [name, []]));
		// A few more than elsewhere: each takes milliseconds, and a process has no second try.
		for (let round = 0; round < rounds * 4; round++) {
			for (const { name, entries, folder } of orderOf(stores, round)) {
				const result = await inProcess<Opened>("open.js", [folder]);
				if (result.last !== entries) throw new Error(`the store of ${name} ends with ${result.last}`);
				opened.get(name)?.push(result.openMilliseconds);
				peeked.get(name)?.push(result.openMilliseconds + result.peekMilliseconds);
			}
		}
		const [large, small] = stores.map(({ name }) => name) as [string, string];
		const medians = (all: Map<string, number[]>) => new Map([...all].map(([name, values]) => [name, median(values)]));
		return [
			...new Lines(medians(opened), "ms").add(`${title}: ${large}, against fewer`, large, small, atMost(1.5)).all,
			...new Lines(medians(peeked), "ms").add(`${title} and peek: ${large}, against fewer`, large, small).all,
		];
	},
};
