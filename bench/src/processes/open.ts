// Opens the store in the folder that is named, and looks at its last entry.

import { openDirectory } from "@streamkit/node";
import { SEGMENT, SPACE } from "../sides/streamkit.js";
import { answer } from "./process.js";

export interface Opened {
	readonly openMilliseconds: number;
	readonly peekMilliseconds: number;
	/** The last sequence. */
	readonly last: number;
}

await answer(async (): Promise<Opened> => {
	const folder = process.argv[2] ?? "";
	const start = performance.now();
	const store = await openDirectory(folder);
	const opened = performance.now();
	const { sequence } = await store.peek(SPACE, SEGMENT);
	const peeked = performance.now();
	await store.close();
	return { openMilliseconds: opened - start, peekMilliseconds: peeked - opened, last: sequence };
});
