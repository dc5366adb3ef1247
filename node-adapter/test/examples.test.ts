import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { temporaryDirectory } from "./support.js";

const folder = fileURLToPath(new URL("../../examples/node", import.meta.url));

const printed: Readonly<Record<string, string>> = {
	"append-and-read.mjs":
		"order-2 #1: placed\norder-2 #2: paid\nlater: order-2 #2: paid\nlater: order-1 #2: cancelled\n",
	"follow.mjs": "room-1 #1: before\nroom-1 #2: hello\nroom-1 #3: goodbye\nstopped\n",
	"lease.mjs": "worker-1 wrote the report\nworker-2 leaves it to worker-1\n1 report\n",
	"optimistic-concurrency.mjs": "[ '70 refused, 30 is left', '70 withdrawn' ]\nbalance 30\nbalance 35\n",
};

test("every example has an expected output here", () => {
	assert.deepEqual(
		readdirSync(folder).filter((name) => name.endsWith(".mjs")),
		Object.keys(printed),
	);
});

for (const [name, output] of Object.entries(printed)) {
	test(`example ${name}`, async () => {
		const directory = join(temporaryDirectory(), "store");
		const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(folder, name), directory]);
		assert.equal(stderr, "");
		assert.equal(stdout, output);
	});
}

test("the settings of an example come along when its folder is copied", () => {
	const examples = fileURLToPath(new URL("../../examples", import.meta.url));
	const paths = ["worker/tsconfig.json", "offline/tsconfig.json", "offline/service-worker/tsconfig.json"];
	for (const path of paths) {
		const { extends: base } = JSON.parse(readFileSync(join(examples, path), "utf8")) as { extends?: string };
		const [example] = path.split("/");
		if (base !== undefined) assert.ok(join(path, "..", base).startsWith(`${example}/`), `${path} needs ${base}`);
	}
});
