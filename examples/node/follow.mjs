// Read what is there, then go on with entries as they are stored, until a signal says stop.
//   node follow.mjs [directory]

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openDirectory } from "@streamkit/node";

const directory = process.argv[2] ?? mkdtempSync(join(tmpdir(), "streamkit-"));
// Stands for two programs that have the directory open at once.
const writer = await openDirectory(directory);
const reader = await openDirectory(directory);

await writer.publish("chat", "room-1", "before");

const controller = new AbortController();
const following = (async () => {
	try {
		for await (const entry of reader.consumeSpace({ space: "chat", follow: true, signal: controller.signal })) {
			console.log(`${entry.segment} #${entry.sequence}: ${entry.text()}`);
			if (entry.text() === "goodbye") controller.abort();
		}
	} catch (error) {
		if (error !== controller.signal.reason) throw error;
		console.log("stopped");
	}
})();

for (const text of ["hello", "goodbye"]) {
	await sleep(20);
	await writer.publish("chat", "room-1", text);
}
await following;

await reader.close();
await writer.close();
