import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { cli, done, failure, objects } from "./cli-support.js";
import { temporaryDirectory } from "./support.js";

// What a command that is refused leaves behind, where there was nothing: nothing.

const REFUSED: readonly (readonly [exitCode: number, args: string, input?: string])[] = [
	[2, "publish SPACE\u0007 s x"],
	[3, "publish a s x --expected 5"],
	[2, "publish a s x --trx nonsense"],
	[2, "produce a s", "no JSON\n"],
	[2, "produce a --segment-by b", '{"a":1}\n'],
	[2, "import", "STRMKIT!"],
	[3, "import", "STRMKIT\u001a"],
	[3, "import", '{"space":"a","segment":"b","payload":"c","sequence":3}\n'],
	[2, "stream append e x --partition 3"],
	[2, "stream append e x --partition 3 -n staging"],
	[2, "stream append e x -H partition-key=a -n default"],
	[2, "stream group create e g --mode key_shared --slots 0"],
	[2, "stream group create e g --start tomorrow -n staging"],
	[3, "ns create default"],
];

for (const [exitCode, args, input = ""] of REFUSED) {
	test(`refused in a directory that is not there: ${JSON.stringify(args)}`, async () => {
		const parent = temporaryDirectory();
		const directory = join(parent, "new", "store");
		await failure(exitCode, [...args.split(" "), "--dir", directory], { input });
		assert.deepEqual(readdirSync(parent), []);
	});
}

test("a command that is refused leaves a directory that is empty as it was", async () => {
	const directory = temporaryDirectory();
	await failure(3, ["publish", "a", "s", "x", "--expected", "5", "--dir", directory]);
	assert.deepEqual(readdirSync(directory), []);
});

test("a command that is refused in a namespace that is not there leaves nothing of it", async () => {
	const directory = join(temporaryDirectory(), "store");
	await done(["publish", "a", "s", "x", "--dir", directory]);
	const before = readdirSync(directory).sort();
	await failure(2, ["stream", "append", "e", "x", "--partition", "3", "-n", "staging", "--dir", directory]);
	assert.deepEqual(readdirSync(directory).sort(), before);
	await done(["ns", "create", "other", "--dir", directory]);
	await failure(2, ["stream", "append", "e", "x", "--partition", "3", "-n", "staging", "--dir", directory]);
	assert.ok(!existsSync(join(directory, "namespaces", "ns-staging")));
});

test("a command that has nothing to store makes the store all the same", async () => {
	const directory = join(temporaryDirectory(), "store");
	await done(["produce", "a", "s", "--dir", directory]);
	assert.equal(await done(["spaces", "--dir", directory]), "");
});

test("what stands in the way of a new directory is said before anything is read", async () => {
	const directory = join(temporaryDirectory(), "store");
	await done(["publish", "a", "s", "x", "--dir", directory]);
	const below = join(directory, "data.mdb", "below");
	const { message } = await failure(2, ["produce", "a", "s", "--dir", below], { keepInput: true });
	assert.match(message, /leads through a file/);
});

test("many programs make one store at once, and what each of them writes is in it", async () => {
	const directory = join(temporaryDirectory(), "new", "store");
	const writers = Array.from({ length: 8 }, (_, i) => i);
	await Promise.all(writers.map((i) => done(["publish", "a", "s", `from ${i}`, "--dir", directory])));
	const entries = await objects(["consume", "a", "s", "--dir", directory]);
	assert.deepEqual(
		entries.map(({ sequence }) => sequence),
		writers.map((i) => i + 1),
	);
	assert.equal(new Set(entries.map(({ payload }) => payload)).size, writers.length);
	assert.match(await done(["verify", "--dir", directory]), /^ok: 8 entries/);
});

test("a read of a group that makes the store waits for what another program appends", async () => {
	const directory = join(temporaryDirectory(), "store");
	const reading = cli(["stream", "group", "read", "e", "g", "c", "--block", "0", "--json", "--dir", directory]);
	while (!existsSync(join(directory, "data.mdb"))) await new Promise((resolve) => setTimeout(resolve, 20));
	await done(["stream", "append", "e", "hello", "--dir", directory]);
	const { code, stdout, stderr } = await reading;
	assert.equal(code, 0, stderr);
	assert.match(stdout, /"payload":"hello"/);
});
