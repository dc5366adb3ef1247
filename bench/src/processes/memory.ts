// Consumes the segment in the store that is named, and watches this process's anonymous memory meanwhile.

import { readFileSync } from "node:fs";
import { openDirectory } from "@streamkit/node";
import { SEGMENT, SPACE } from "../sides/streamkit.js";
import { Tally } from "../tally.js";
import { answer } from "./process.js";

export interface Consumed {
	readonly beforeKiB: number;
	readonly peakKiB: number;
	readonly count: number;
	readonly sum: number;
}

const EVERY = 1000;

function anonymousKiB(): number {
	const found = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "latin1"));
	if (found?.[1] === undefined) throw new Error("/proc/self/status has no RssAnon");
	return Number(found[1]);
}

await answer(async (): Promise<Consumed> => {
	const store = await openDirectory(process.argv[2] ?? "");
	const beforeKiB = anonymousKiB();
	let peakKiB = beforeKiB;
	const tally = new Tally();
	for await (const entry of store.consumeSegment({ space: SPACE, segment: SEGMENT })) {
		tally.bytes(entry.payload);
		if (tally.count % EVERY === 0) peakKiB = Math.max(peakKiB, anonymousKiB());
	}
	await store.close();
	return { beforeKiB, peakKiB, count: tally.count, sum: tally.sum };
});
