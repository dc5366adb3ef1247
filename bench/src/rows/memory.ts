// Anonymous memory while consuming a segment of a million entries, against a hundred thousand: each in a fresh process
// that goes through the entries with for await, touches every payload and reads RssAnon of /proc/self/status as it
// goes. What counts is the peak. Pages of files, which the system may drop at any time, are not in it.

import { existsSync } from "node:fs";
import { atMost, Lines } from "../lines.js";
import type { Consumed } from "../processes/memory.js";
import { inProcess } from "../processes/process.js";
import { Tally } from "../tally.js";
import { inRounds, mediansOf } from "../timing.js";
import { largeStore } from "./large-store.js";
import type { Row } from "./row.js";

const title = "peak anonymous memory while consuming";

export const memory: Row = {
	name: "memory",
	title,
	async measure({ events, rounds, folders }) {
		if (!existsSync("/proc/self/status")) {
			process.stderr.write("  left out: this system has no /proc/self/status\n");
			return [];
		}
		const sizes = [Math.round((events * 10) / 3), Math.round(events / 3)];
		const stores: { name: string; folder: string; expected: Tally }[] = [];
		for (const entries of sizes) {
			const { folder, tally } = await largeStore(folders, entries);
			stores.push({ name: `${entries.toLocaleString("en-US")} entries`, folder, expected: tally(entries) });
		}
		const results = await inRounds(stores, rounds, async ({ name, folder, expected }) => {
			const result = await inProcess<Consumed>("memory.js", [folder]);
			Object.assign(new Tally(), { count: result.count, sum: result.sum }).check(name, expected);
			return result;
		});
		const peaks = mediansOf(results, ({ peakKiB }) => peakKiB / 1024);
		const before = mediansOf(results, ({ beforeKiB }) => beforeKiB / 1024);
		const [large, small] = stores.map(({ name }) => name) as [string, string];
		return [
			...new Lines(peaks, "MiB").add(`${title} ${large}, against fewer`, large, small, atMost(1.2)).all,
			...new Lines(before, "MiB").add("the same processes before they read", large, small).all,
		];
	},
};
