// Append to a store in a directory, read it back, and go on where a reader stopped.
//   node append-and-read.mjs [directory]

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDirectory } from "@streamkit/node";
import { json } from "streamkit";

const directory = process.argv[2] ?? mkdtempSync(join(tmpdir(), "streamkit-"));
const store = await openDirectory(directory);

// A space is a timeline; its segments are what is ordered strictly: an order, a device, a user.
await store.publish("orders", "order-1", json({ status: "placed" }), { metadata: { user: "ann" } });
await store.produce("orders", "order-2", [
	{ payload: json({ status: "placed" }) },
	{ payload: json({ status: "paid" }) },
]);

for await (const entry of store.consumeSegment({ space: "orders", segment: "order-2" })) {
	console.log(`order-2 #${entry.sequence}: ${entry.json().status}`);
}

// The offset of the last entry you handled is all that a reader keeps.
let offset = "";
for await (const entry of store.consumeSpace({ space: "orders", limit: 2 })) offset = entry.spaceOffset().toHex();

await store.publish("orders", "order-1", json({ status: "cancelled" }));
for await (const entry of store.consumeSpace({ space: "orders", offset })) {
	console.log(`later: ${entry.segment} #${entry.sequence}: ${entry.json().status}`);
}

await store.close();
