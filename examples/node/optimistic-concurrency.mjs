// Two writers decide on what they have read; the one that comes second finds out, and decides again.
//   node optimistic-concurrency.mjs [directory]

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDirectory } from "@streamkit/node";
import { isStreamkitError, json } from "streamkit";

const directory = process.argv[2] ?? mkdtempSync(join(tmpdir(), "streamkit-"));
const store = await openDirectory(directory);

async function account() {
	let balance = 0;
	let sequence = 0;
	for await (const entry of store.consumeSegment({ space: "accounts", segment: "ann" })) {
		balance += entry.json().amount;
		sequence = entry.sequence;
	}
	return { balance, sequence };
}

async function withdraw(amount) {
	for (;;) {
		const { balance, sequence } = await account();
		if (balance < amount) return `${amount} refused, ${balance} is left`;
		try {
			// Only if nothing was appended since the balance was read.
			await store.publish("accounts", "ann", json({ amount: -amount }), { expectedSequence: sequence });
			return `${amount} withdrawn`;
		} catch (error) {
			if (!isStreamkitError(error, "SEQUENCE_MISMATCH")) throw error;
		}
	}
}

await store.publish("accounts", "ann", json({ amount: 100 }));
// Either may be first.
const outcomes = await Promise.all([withdraw(70), withdraw(70)]);
console.log(outcomes.sort());
console.log(`balance ${(await account()).balance}`);

// A retry after a lost answer: the same TRX id stores nothing twice.
const trx = { id: "0198c1d2-7c3a-7b1e-9f00-0123456789ab" };
await store.publish("accounts", "ann", json({ amount: 5 }), { trx });
await store.publish("accounts", "ann", json({ amount: 5 }), { trx });
console.log(`balance ${(await account()).balance}`);

await store.close();
