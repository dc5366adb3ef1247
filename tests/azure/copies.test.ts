// Copies of the package over one client: a program may hold one as ES modules and one as CommonJS.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { openStore, type Store } from "streamkit";
import * as esm from "streamkit/azure";
import { type Azurite, startAzurite } from "./azurite.js";
import { tap } from "./tap.js";

const cjs = createRequire(import.meta.url)("streamkit/azure") as typeof esm;

let azurite: Azurite;
before(async () => {
	azurite = await startAzurite();
});
after(() => azurite.stop());

test("copies of the package share a client, and each sends what is its own once", async () => {
	const client = azurite.client(await azurite.table());
	const wire = tap(client);
	const stores: Store[] = [];
	for (const [prefix, { azureTableHost }] of [
		["esm", esm],
		["cjs", cjs],
		["more", esm],
	] as const)
		stores.push(await openStore(azureTableHost(client, { prefix }), { autoCompact: false }));
	assert.notEqual(cjs.azureTableHost, esm.azureTableHost);
	for (const store of stores) {
		await store.publish("a", "s", "1");
		let posts = 0;
		wire.fate = (_, { method }) => (method === "POST" && ++posts === 1 ? "answer lost" : "pass");
		assert.equal((await store.publish("a", "s", "2")).lastSequence, 2);
		assert.equal(posts, 1, "what was applied is not sent again");
		wire.fate = () => "pass";
		await store.close();
	}
});
