// One of several workers does the job at a time, and its writes count only while it holds the lease.
//   node lease.mjs [directory]

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDirectory } from "@streamkit/node";
import { isStreamkitError } from "streamkit";

const directory = process.argv[2] ?? mkdtempSync(join(tmpdir(), "streamkit-"));
const store = await openDirectory(directory);

async function report(worker) {
	try {
		return await store.withLease(
			"daily-report",
			10_000,
			async (lease) => {
				// LEASE_LOST, and nothing stored, if somebody else has it by now.
				await store.publish("reports", "daily", `by ${worker}`, { lease });
				return `${worker} wrote the report`;
			},
			{ holder: worker },
		);
	} catch (error) {
		if (!isStreamkitError(error, "LEASE_NOT_ACQUIRED")) throw error;
		return `${worker} leaves it to ${error.details.holder}`;
	}
}

console.log((await Promise.all([report("worker-1"), report("worker-2")])).join("\n"));
console.log(`${(await store.peek("reports", "daily")).sequence} report`);

await store.close();
