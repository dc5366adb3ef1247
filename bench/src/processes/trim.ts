// Trims the stream in the store that is named to so many records, when it has trimmed others a few times.

import { openDirectory } from "@streamkit/node";
import { relaxed } from "../sides/streamkit.js";
import { STREAM } from "../sides/streams.js";
import { timed } from "../timing.js";
import { answer } from "./process.js";

export interface Trimmed {
	readonly milliseconds: number;
	/** Records before it. */
	readonly count: number;
	readonly trimmed: number;
	/** Records that are read after it. */
	readonly left: number;
}

const WARM_UPS = 20;

await answer(async (): Promise<Trimmed> => {
	const [folder = "", maxCount] = process.argv.slice(2);
	const store = await openDirectory(folder, { ...relaxed });
	// What the first calls of a process have to load and to compile is loaded and compiled.
	for (let round = 0; round < WARM_UPS; round++) {
		await store.streams.append("warm-up", Array(100).fill("record"));
		await store.streams.trim("warm-up", { maxCount: Number(maxCount) });
	}
	const { count } = await store.streams.info(STREAM);
	let trimmed = 0;
	const milliseconds = await timed(async () => {
		({ trimmed } = await store.streams.trim(STREAM, { maxCount: Number(maxCount) }));
	});
	const { length: left } = await store.streams.read(STREAM, { limit: 1000 });
	await store.close();
	return { milliseconds, count, trimmed, left };
});
