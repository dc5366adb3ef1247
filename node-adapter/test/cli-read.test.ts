import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { openDirectory } from "../src/directory/open-directory.js";
import { cli, done, failure, objects, type Printed } from "./cli-support.js";
import { temporaryDirectory } from "./support.js";

const dir = join(temporaryDirectory(), "store");

before(async () => {
	const store = await openDirectory(dir);
	for (let i = 1; i <= 5; i++) {
		await store.publish("orders", "a", `a${i}`, { metadata: { i: String(i) } });
		await store.publish("orders", "b", `b${i}`);
		await store.publish("payments", "a", `p${i}`);
	}
	await store.publish("bytes", "raw", new Uint8Array([0xff, 0xfe, 0x00]));
	await store.publish("bytes", "tricky", "\u001b[31mred\u001b[0m\nnext\u202e", { metadata: { "k\u0007": "a b" } });
	await store.close();
});

const payloads = (entries: readonly Printed[]): unknown[] => entries.map(({ payload }) => payload);

test("consume reads a segment, with sequence bounds, a limit and an offset", async () => {
	const read = (...more: string[]): Promise<Printed[]> => objects(["consume", "orders", "a", "--dir", dir, ...more]);
	const all = await read();
	assert.deepEqual(payloads(all), ["a1", "a2", "a3", "a4", "a5"]);
	const [first] = all;
	assert.deepEqual(Object.keys(first ?? {}), [
		...["space", "segment", "sequence", "timestamp", "id", "trx", "encoding", "payload", "metadata", "offset"],
	]);
	assert.deepEqual(first?.metadata, { i: "1" });
	assert.match(String(first?.id), /^\d+-\d+$/);
	assert.deepEqual(payloads(await read("--min-sequence", "2", "--max-sequence", "4")), ["a2", "a3", "a4"]);
	assert.deepEqual(payloads(await read("--limit", "2")), ["a1", "a2"]);
	assert.deepEqual(payloads(await read("-n", "0")), ["a1", "a2", "a3", "a4", "a5"]);
	assert.deepEqual(payloads(await read("-l", "2")), ["a1", "a2"]);
	assert.deepEqual(payloads(await read("--offset", String(all[2]?.offset))), ["a4", "a5"]);
	assert.deepEqual(payloads(await read("--min-sequence", "6")), []);
});

test("consume reads a space in the order of commits, and goes on after an offset", async () => {
	const all = await objects(["consume", "orders", "--dir", dir]);
	assert.deepEqual(payloads(all), ["a1", "b1", "a2", "b2", "a3", "b3", "a4", "b4", "a5", "b5"]);
	const rest = await objects(["consume", "orders", "--offset", String(all[6]?.offset), "--dir", dir]);
	assert.deepEqual(payloads(rest), ["b4", "a5", "b5"]);
	const at = Number(all[4]?.timestamp);
	const since = await objects(["consume", "orders", "--min-timestamp", String(at), "--dir", dir]);
	assert.ok(since.every(({ timestamp }) => Number(timestamp) >= at) && since.length >= 6);
	const until = await objects([...["consume", "orders", "--max-timestamp", new Date(at).toISOString(), "--dir", dir]]);
	assert.ok(until.every(({ timestamp }) => Number(timestamp) <= at) && until.length >= 5);
	assert.deepEqual(await objects(["consume", "nothing-here", "--dir", dir]), []);
});

test("consume merges several spaces, and resumes each by its own offset", async () => {
	const all = await objects(["consume", "--spaces", "orders,payments", "--dir", dir]);
	assert.equal(all.length, 15);
	assert.deepEqual(await objects(["consume", "--spaces", "payments", "--spaces", "orders", "--dir", dir]), all);
	const handled = all.slice(0, 8);
	const last = (space: string): string => String(handled.findLast((entry) => entry.space === space)?.offset);
	const rest = await objects([
		...["consume", "--spaces", "orders,payments", "--offset", last("orders"), "--offset", last("payments")],
		...["--dir", dir],
	]);
	assert.deepEqual(rest, all.slice(8));
});

test("consume prints lines for people, and nothing that a terminal would obey", async () => {
	const text = await done(["consume", "orders", "a", "--limit", "1", "--dir", dir]);
	assert.match(text, /^\d{4}-\d\d-\d\dT[\d:.]+Z {2}orders\/a #1 {2}a1 {2}i=1\n$/);
	const tricky = await done(["consume", "bytes", "--dir", dir]);
	// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
	assert.doesNotMatch(tricky, /[\u0000-\u0009\u000b-\u001f\u007f\u202e]/);
	assert.match(tricky, /bytes\/raw #1 {2}<3 bytes> \/\/4A\n/);
	assert.match(tricky, /\\u001b\[31mred\\u001b\[0m\\nnext\\u202e {2}k\\u0007="a b"\n/);
});

test("consume refuses what makes no sense", async () => {
	const refused = async (message: RegExp, ...args: string[]): Promise<void> => {
		assert.match((await failure(2, ["consume", ...args, "--dir", dir])).message, message);
	};
	await refused(/^space:/);
	await refused(/^space:/, "orders", "--spaces", "payments");
	await refused(/^--min-sequence/, "orders", "--min-sequence", "1");
	await refused(
		/^--min-sequence: must not be above --max-sequence$/,
		...["orders", "a", "--min-sequence", "3", "--max-sequence", "2"],
	);
	await refused(
		/^--min-timestamp: must not be above --max-timestamp$/,
		...["orders", "--min-timestamp", "3", "--max-timestamp", "2"],
	);
	await refused(/^--offset: must be hex of even length$/, "orders", "--offset", "zz");
	await refused(/^--offset: must be an offset of this space, as consume prints/, "orders", "--offset", "00ff");
	await refused(/^--offset:/, "orders", "--offset", "00", "--offset", "01");
	await refused(/^--offset:/, "--spaces", "orders", "--offset", "00");
	await refused(/^--limit:/, "orders", "--limit", "-1");
	await refused(/^--min-timestamp:/, "orders", "--min-timestamp", "yesterday");
	await refused(/^--spaces:/, "--spaces", "a,,b");
	await refused(/too many arguments/, "orders", "a", "b");
	const [entry] = await objects(["consume", "orders", "a", "--limit", "1", "--dir", dir]);
	await refused(
		/^--offset: must be an offset of this segment, as consume prints it with --json$/,
		...["orders", "b", "--offset", String(entry?.offset)],
	);
	await refused(
		/^--offset: must not be given together with --min-sequence$/,
		...["orders", "a", "--min-sequence", "1", "--offset", String(entry?.offset)],
	);
	await refused(/^--spaces: must not hold control characters/, "--spaces", "a\u0001");
});

test("peek prints the latest entry of a segment, or of each", async () => {
	assert.match(await done(["peek", "orders", "a", "--dir", dir]), / {2}orders\/a #5 {2}a5 {2}i=5\n$/);
	const each = await objects(["peek", "orders", "--dir", dir]);
	assert.deepEqual(payloads(each), ["a5", "b5"]);
	assert.equal((await failure(1, ["peek", "orders", "z", "--dir", dir])).code, "NOT_FOUND");
	assert.equal((await failure(1, ["peek", "zzz", "--dir", dir])).code, "NOT_FOUND");
});

test("spaces and segments are listed in order", async () => {
	assert.equal(await done(["spaces", "--dir", dir]), "bytes\norders\npayments\n");
	assert.deepEqual(await objects(["spaces", "--prefix", "o", "--dir", dir]), [{ space: "orders" }]);
	assert.equal(await done(["spaces", "--after", "bytes", "--limit", "1", "--dir", dir]), "orders\n");
	assert.equal(await done(["segments", "orders", "--dir", dir]), "a\nb\n");
	assert.deepEqual(await objects(["segments", "orders", "-a", "a", "--dir", dir]), [{ space: "orders", segment: "b" }]);
	assert.equal(await done(["segments", "none", "--dir", dir]), "");
	assert.equal(await done(["spaces", "-l", "1", "--dir", dir]), "bytes\n");
	assert.equal(await done(["segments", "orders", "-n", "1", "--dir", dir]), "a\n");
	assert.match((await failure(2, ["spaces", "-l", "x", "--dir", dir])).message, /^--limit:/);
	assert.match((await failure(2, ["spaces", "-p", "\u0001", "--dir", dir])).message, /^--prefix:/);
});

test("where there is nothing to list, a remark beside the output says so", async () => {
	const cases: [args: string[], remark: string][] = [
		[["consume", "nothing-here"], "No entries\n"],
		[["consume", "orders", "a", "--min-sequence", "6"], "No entries\n"],
		[["consume", "--spaces", "nothing,here"], "No entries\n"],
		[["spaces", "--prefix", "z"], "No spaces\n"],
		[["segments", "nothing-here"], "No segments\n"],
		[["segments", "orders"], ""],
	];
	for (const [args, remark] of cases) {
		const { code, stdout, stderr } = await cli([...args, "--dir", dir]);
		assert.deepEqual([code, stderr], [0, remark], args.join(" "));
		assert.equal(stdout === "", remark !== "");
		assert.equal((await cli([...args, "--json", "--dir", dir])).stderr, "");
	}
	const followed = await cli(["consume", "nothing-here", "--follow", "--dir", dir], {
		onStart: (child) => setTimeout(() => child.kill("SIGINT"), 1000),
	});
	assert.deepEqual([followed.code, followed.stdout, followed.stderr], [0, "", ""]);
});

test("status prints first and last positions", async () => {
	const text = await done(["status", "orders", "--dir", dir]);
	assert.match(text, /^SEGMENT {2}FIRST {2}LAST {2}FIRST TIME +LAST TIME\na +1 +5 {5}\d{4}-.*Z\nb +1 +5 .*Z\n$/);
	const [status] = await objects(["status", "orders", "b", "--dir", dir]);
	assert.deepEqual([status?.segment, status?.firstSequence, status?.lastSequence], ["b", 1, 5]);
	assert.equal((await objects(["status", "orders", "--dir", dir])).length, 2);
	assert.equal((await failure(1, ["status", "orders", "z", "--dir", dir])).code, "NOT_FOUND");
	assert.equal((await failure(1, ["status", "zzz", "--dir", dir])).code, "NOT_FOUND");
});

test("commands that read create nothing", async () => {
	const parent = temporaryDirectory();
	const missing = join(parent, "none");
	const empty = join(parent, "empty");
	mkdirSync(empty);
	const readers = [
		...[["consume", "s"], ["consume", "s", "--follow"], ["peek", "s", "a"], ["spaces"], ["segments", "s"]],
		...[["status", "s"], ["health"], ["compact"], ["verify"], ["export", join(parent, "file")]],
	];
	for (const args of readers) {
		for (const path of [missing, empty]) {
			const error = await failure(1, [...args, "--dir", path]);
			assert.equal(error.code, "NOT_FOUND", args.join(" "));
			assert.match(error.message, /^there is no store in /);
		}
	}
	assert.equal(existsSync(missing), false);
	assert.deepEqual(readdirSync(parent), ["empty"]);
	assert.deepEqual(readdirSync(empty), []);
});

test("the directory is --dir, else STREAMKIT_DIR, else streamkit-data", async () => {
	const cwd = temporaryDirectory();
	const env = { STREAMKIT_DIR: join(cwd, "from-env") };
	await done(["publish", "s", "a", "x", "--dir", "given"], { cwd, env });
	await done(["--dir", "before", "publish", "s", "a", "x"], { cwd, env });
	await done(["publish", "s", "a", "x"], { cwd, env });
	await done(["publish", "s", "a", "x"], { cwd, env: { STREAMKIT_DIR: "" } });
	assert.deepEqual(readdirSync(cwd).sort(), ["before", "from-env", "given", "streamkit-data"]);
	assert.match((await failure(2, ["spaces", "--dir", ""], { cwd })).message, /^--dir:/);
	assert.match((await failure(2, ["publish", "s", "a", "x", "--dir", "--json"], { cwd })).message, /^--dir:/);
});

test("a directory that holds something else is left alone", async () => {
	const other = temporaryDirectory();
	writeFileSync(join(other, "notes.txt"), "mine");
	for (const args of [["spaces"], ["publish", "s", "a", "x"]]) {
		assert.match((await failure(2, [...args, "--dir", other])).message, /holds no store/);
	}
	assert.match((await failure(2, ["spaces", "--dir", join(other, "notes.txt")])).message, /file/);
	assert.deepEqual(readdirSync(other), ["notes.txt"]);
	const people = await cli(["spaces", "--dir", other]);
	assert.match(people.stderr, /^error: --dir: .*\(INVALID_ARGUMENT\)\nSee streamkit --help/);
});
