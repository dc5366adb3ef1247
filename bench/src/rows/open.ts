// Opening a store of a million entries, against one of ten thousand: each time in a fresh process, which measures
// openDirectory() itself, and then peek() of the segment. Both sides are ours; modules are loaded before the clock
// starts. (With fewer events the two sizes shrink alike.)

import { atMost, Lines } from "../lines.js";
import type { Opened } from "../processes/open.js";
import { inProcess } from "../processes/process.js";
import { inRounds, mediansOf } from "../timing.js";
import { largeStore } from "./large-store.js";
import type { Row } from "./row.js";

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
		// A few more than elsewhere: each takes milliseconds, and a process has no second try.
		const results = await inRounds(stores, rounds * 4, async ({ name, entries, folder }) => {
			const result = await inProcess<Opened>("open.js", [folder]);
			if (result.last !== entries) throw new Error(`the store of ${name} ends with ${result.last}`);
			return result;
		});
		const opened = mediansOf(results, ({ openMilliseconds }) => openMilliseconds);
		const peeked = mediansOf(results, ({ openMilliseconds, peekMilliseconds }) => openMilliseconds + peekMilliseconds);
		const [large, small] = stores.map(({ name }) => name) as [string, string];
		return [
			...new Lines(opened, "ms").add(`${title}: ${large}, against fewer`, large, small, atMost(1.5)).all,
			...new Lines(peeked, "ms").add(`${title} and peek: ${large}, against fewer`, large, small).all,
		];
	},
};
