import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { DirectoryHost } from "../src/directory/host.js";
import { openDirectory } from "../src/directory/open-directory.js";
import { cli, done, failure, objects } from "./cli-support.js";
import { temporaryDirectory, text } from "./support.js";

const dir = join(temporaryDirectory(), "store");

before(async () => {
	const store = await openDirectory(dir, { autoCompact: false });
	for (let i = 1; i <= 60; i++) await store.publish("orders", "a", `order ${i} `.repeat(20), { durability: "relaxed" });
	await store.publish("other", "b", "x");
	await store.close();
});

test("health says where the store is and what it takes", async () => {
	const lines = await done(["health", "--dir", dir]);
	assert.match(
		lines,
		new RegExp(`^directory   ${dir}\nstore       [0-9a-f-]{36}\nhost        directory, durability strict\n`),
	);
	const [health] = await objects(["health", "--dir", dir]);
	assert.equal(health?.directory, dir);
	assert.equal(health?.pendingTransactions, 0);
	assert.ok(Array.isArray(health?.warnings));
	assert.equal((health?.limits as { atomic?: string } | undefined)?.atomic, "store");
});

test("compact merges the small blocks, of one space or of all", async () => {
	const [one] = await objects(["compact", "--space", "other", "--dir", dir]);
	assert.ok(Number(one?.blocksBefore) < 5, JSON.stringify(one));
	assert.equal(one?.blocksAfter, one?.blocksBefore);
	assert.match(await done(["compact", "--dir", dir]), /^\d+ blocks of .* before, \d+ blocks? of .* after\n$/);
	const [report] = await objects(["compact", "--dir", dir]);
	assert.ok(Number(report?.blocksAfter) < 10, JSON.stringify(report));
	assert.equal((await objects(["consume", "orders", "a", "--dir", dir])).length, 60);
});

test("compact of a space that is not there says so", async () => {
	for (const name of ["othe", "nothing"]) {
		const { code, stderr } = await cli(["compact", "--space", name, "--dir", dir]);
		assert.equal(code, 1);
		assert.match(stderr, new RegExp(`^error: --space: there is no "${name}"`));
	}
	const { message } = await failure(2, ["compact", "--space", "a\u0001", "--dir", dir]);
	assert.match(message, /^--space: must not hold control characters/);
});

test("compact of a stream that holds no records yet has nothing to do", async () => {
	const path = join(temporaryDirectory(), "store");
	await done(["stream", "create", "empty", "--dir", path]);
	const [report] = await objects(["compact", "--space", "empty", "--dir", path]);
	assert.deepEqual([report?.blocksBefore, report?.blocksAfter], [0, 0]);
});

test("verify finds nothing wrong with a sound store", async () => {
	assert.equal(await done(["verify", "--dir", dir]), "ok: 61 entries, 2 segments, 2 spaces\n");
	assert.deepEqual(await objects(["verify", "--dir", dir]), [{ entries: 61, segments: 2, spaces: 2, problems: [] }]);
});

test("verify lists what is damaged and exits with 3", async () => {
	const path = join(temporaryDirectory(), "store");
	const store = await openDirectory(path);
	await store.publish("orders", "a", "sound");
	await store.publish("orders", "b", "damaged ".repeat(1000));
	await store.close();
	const host = new DirectoryHost(path);
	const { keys, values } = host.scan({ start: new Uint8Array(0), end: new Uint8Array([255]), limit: 1000 });
	const at = keys.findIndex((key) => text(key)?.startsWith("DAT\0SEGMENTS\0orders\0b\0"));
	const value = Uint8Array.from(values[at] ?? []);
	value[value.length - 5] = 7;
	const key = Uint8Array.from(keys[at] ?? []);
	await host.commit({ checks: [], deletes: [], puts: [{ key, value }], durability: "strict" });
	await host.close();

	const people = await cli(["verify", "--dir", path]);
	assert.equal(people.code, 3, people.stderr);
	assert.match(people.stdout, /^\d+ problems?: .*\nCORRUPT .*\(key [0-9a-f]+\)\n/);
	assert.equal(people.stderr, "");
	const { code, stdout } = await cli(["verify", "--json", "--dir", path]);
	assert.equal(code, 3);
	const [problem] = (JSON.parse(stdout) as { problems: { code: string; key: string }[] }).problems;
	assert.equal(problem?.code, "CORRUPT");
	assert.equal(problem?.key, Buffer.from(key).toString("hex"));

	const read = await cli(["consume", "orders", "b", "--json", "--dir", path]);
	assert.equal(read.code, 3);
	assert.equal(JSON.parse(read.stderr).code, "CORRUPT");
	const shown = await cli(["consume", "orders", "b", "--dir", path]);
	assert.match(shown.stderr, /\(CORRUPT\)\nIt is the row [0-9a-f]+\. streamkit verify lists all that is damaged\.\n$/);
	assert.match(await done(["consume", "orders", "a", "--dir", path]), /sound/);
});

test("a row that is damaged is named only where there is one, and verify is not told to run itself", async () => {
	const path = join(temporaryDirectory(), "store");
	await done(["publish", "orders", "a", "x", "--dir", path]);
	const host = new DirectoryHost(path);
	const { keys } = host.scan({ start: new Uint8Array(0), end: new Uint8Array([255]), limit: 1000 });
	// The store's identity, which is read when it is opened.
	const key = Uint8Array.from(keys.find((key) => text(key) === "INV\0STORE") ?? []);
	await host.commit({ checks: [], deletes: [], puts: [{ key, value: Uint8Array.of(7) }], durability: "strict" });
	await host.close();
	const damagedRow = /^error: .*\(CORRUPT\)\nIt is the row [0-9a-f]+\. streamkit verify lists all that is damaged\.\n$/;
	assert.match((await cli(["spaces", "--dir", path])).stderr, damagedRow);
	assert.match((await cli(["verify", "--dir", path])).stderr, /^error: .*\(CORRUPT\)\n$/);
	writeFileSync(join(path, "data.mdb"), "no database".repeat(1000));
	for (const command of ["spaces", "verify"]) {
		assert.match((await cli([command, "--dir", path])).stderr, /^error: .*data\.mdb .*\(CORRUPT\)\n$/);
	}
});
