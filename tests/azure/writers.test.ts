import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { openStore } from "streamkit";
import { azureTableHost } from "streamkit/azure";
import { type Azurite, startAzurite } from "./azurite.js";

let azurite: Azurite;
before(async () => {
	azurite = await startAzurite();
});
after(() => azurite.stop());

const writer = fileURLToPath(new URL("./writer.ts", import.meta.url));
const WRITERS = ["one", "two", "three"];
const EACH = 15;

/** What a writer was acknowledged, as "sequence name number". */
async function written(table: string, name: string, how: string): Promise<string[]> {
	const args = ["--import", "tsx", writer, azurite.url, table, name, `${EACH}`, how];
	const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
	const chunks: Buffer[] = [];
	child.stdout.on("data", (chunk) => chunks.push(chunk));
	const [code] = await once(child, "close");
	assert.equal(code, 0, `${name} exited with ${code}`);
	return Buffer.concat(chunks).toString().trim().split("\n");
}

for (const how of ["any", "expected"]) {
	test(`several processes on one segment (${how} sequences): dense, and each acknowledgement true`, async () => {
		const table = await azurite.table();
		const lines = (await Promise.all(WRITERS.map((name) => written(table, name, how)))).flat();
		assert.equal(lines.length, WRITERS.length * EACH);
		const store = await openStore(azureTableHost(azurite.client(table)));
		const entries = await store.consumeSegment({ space: "space", segment: "segment" }).toArray();
		assert.deepEqual(
			entries.map((entry) => entry.sequence),
			Array.from({ length: WRITERS.length * EACH }, (_, i) => i + 1),
		);
		assert.deepEqual(entries.map((entry) => `${entry.sequence} ${entry.text()}`).sort(), lines.sort());
		assert.deepEqual((await store.verify()).problems, []);
		await store.close();
	});
}

test("a process ends though its store still looks for leftovers", async () => {
	const table = await azurite.table();
	const script = `
		import { openStore } from "streamkit";
		import { azureTableHost } from "streamkit/azure";
		import { clientFor } from ${JSON.stringify(new URL("./azurite.js", import.meta.url).href.replace(/js$/, "ts"))};
		const host = azureTableHost(clientFor(${JSON.stringify(azurite.url)}, ${JSON.stringify(table)}), { recoveryInterval: 3600000 });
		const store = await openStore(host);
		await store.publish("a", "b", "c");
		console.log("written");
	`;
	const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", script], {
		stdio: ["ignore", "pipe", "inherit"],
		cwd: fileURLToPath(new URL("..", import.meta.url)),
	});
	const chunks: Buffer[] = [];
	child.stdout.on("data", (chunk) => chunks.push(chunk));
	const [code] = await once(child, "close");
	assert.equal(code, 0);
	assert.equal(Buffer.concat(chunks).toString(), "written\n");
});
