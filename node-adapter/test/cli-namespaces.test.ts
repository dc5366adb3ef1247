import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openDirectory, openNamespaces } from "../src/index.js";
import { cli, done, failure, objects } from "./cli-support.js";
import { temporaryDirectory } from "./support.js";

const fresh = (): string => join(temporaryDirectory(), "store");
const payloads = async (args: readonly string[]): Promise<unknown[]> =>
	(await objects(["stream", "read", "events", ...args])).map(({ payload }) => payload);
const names = async (dir: string): Promise<unknown[]> =>
	(await objects(["ns", "list", "--dir", dir])).map(({ namespace }) => namespace);

test("ns create, list, info and delete", async () => {
	const dir = fresh();
	assert.equal(await done(["ns", "create", "staging", "--dir", dir]), "Created namespace: staging\n");
	assert.deepEqual(await objects(["namespace", "create", "Prod", "--dir", dir]), [
		{ namespace: "Prod", status: "created" },
	]);
	assert.equal(await done(["ns", "ls", "--dir", dir]), "Prod\ndefault\nstaging\n");
	const [info] = await objects(["ns", "info", "staging", "--dir", dir]);
	assert.deepEqual([info?.namespace, info?.status], ["staging", "exists"]);
	assert.match(await done(["ns", "info", "default", "--dir", dir]), /^Namespace: default\nStatus: exists\n/);

	await done(["stream", "append", "events", "x", "-n", "staging", "--dir", dir]);
	assert.deepEqual(await payloads(["--dir", String(info?.directory)]), ["x"], "its directory is a store");
	const refused = await failure(3, ["ns", "delete", "staging", "--dir", dir]);
	assert.equal(refused.code, "NOT_EMPTY");
	assert.equal(refused.message, 'namespace "staging" is not empty: only --force deletes it');
	assert.equal(await done(["ns", "delete", "Prod", "--dir", dir]), "Deleted namespace: Prod\n");
	assert.deepEqual(await objects(["ns", "rm", "staging", "--force", "--dir", dir]), [
		{ namespace: "staging", status: "deleted" },
	]);
	assert.deepEqual(await names(dir), ["default"]);
});

test("ns refuses what breaks a rule, and creates nothing", async () => {
	const dir = fresh();
	const missing = fresh();
	await done(["ns", "create", "staging", "--dir", dir]);
	const rule = /^name: must be a letter, then up to 62/;
	const cases: [number, string, string[], RegExp][] = [
		[3, "ALREADY_EXISTS", ["create", "staging", "--dir", dir], /"staging"/],
		[3, "ALREADY_EXISTS", ["create", "default", "--dir", dir], /"default"/],
		[2, "INVALID_ARGUMENT", ["create", "9a", "--dir", missing], rule],
		[2, "INVALID_ARGUMENT", ["info", "a/b", "--dir", missing], rule],
		[2, "INVALID_ARGUMENT", ["delete", "..", "--dir", missing], rule],
		[2, "INVALID_ARGUMENT", ["delete", "default", "--force", "--dir", dir], /cannot be deleted/],
		[2, "INVALID_ARGUMENT", ["create", "--dir", missing], /missing required argument/],
		[1, "NOT_FOUND", ["info", "nope", "--dir", dir], /there is no namespace "nope"/],
		[1, "NOT_FOUND", ["delete", "nope", "--dir", dir], /there is no namespace "nope"/],
		[1, "NOT_FOUND", ["list", "--dir", missing], /there is no store/],
		[1, "NOT_FOUND", ["info", "default", "--dir", missing], /there is no store/],
		[1, "NOT_FOUND", ["delete", "a", "--dir", missing], /there is no store/],
	];
	await Promise.all(
		cases.map(async ([exitCode, code, args, message]) => {
			const error = await failure(exitCode, ["ns", ...args]);
			assert.equal(error.code, code, args.join(" "));
			assert.match(error.message, message);
		}),
	);
	assert.equal(existsSync(missing), false);
	assert.deepEqual(await names(dir), ["default", "staging"]);
});

test("a stream name in two namespaces is two streams; without -n it is the namespace default", async () => {
	const dir = fresh();
	// The first write creates a namespace.
	await done(["stream", "append", "events", "in staging", "-n", "staging", "--dir", dir]);
	await done(["stream", "append", "events", "in prod", "--namespace", "prod", "--dir", dir]);
	await done(["stream", "append", "events", "in default", "--dir", dir]);
	const found = await Promise.all(
		[["-n", "staging"], ["-n", "prod"], [], ["-n", "default"]].map((args) => payloads([...args, "--dir", dir])),
	);
	assert.deepEqual(found, [["in staging"], ["in prod"], ["in default"], ["in default"]]);
	const [info] = await objects(["stream", "info", "events", "-n", "prod", "--dir", dir]);
	assert.equal(info?.namespace, "prod");
	assert.equal(await done(["spaces", "--dir", dir]), "events\n", "other commands work in default");

	const namespaces = await openNamespaces(dir);
	const store = await namespaces.open();
	assert.deepEqual(
		(await store.streams.read("events")).map((entry) => entry.text()),
		["in default"],
	);
	await namespaces.close();
});

test("a directory that is one store is its own namespace default, and keeps others in a folder", async () => {
	const dir = fresh();
	const store = await openDirectory(dir);
	await store.streams.append("events", "plain");
	assert.deepEqual(await names(dir), ["default"]);
	assert.equal(existsSync(join(dir, "namespaces")), false, "looking creates nothing");
	await done(["ns", "create", "staging", "--dir", dir]);
	await done(["stream", "append", "events", "in staging", "-n", "staging", "--dir", dir]);
	await done(["stream", "append", "events", "by name", "-n", "default", "--dir", dir]);
	assert.deepEqual(await payloads(["--dir", dir]), ["plain", "by name"]);
	assert.deepEqual(await payloads(["-n", "staging", "--dir", dir]), ["in staging"]);
	assert.deepEqual(await names(dir), ["default", "staging"]);
	assert.deepEqual(readdirSync(join(dir, "namespaces")).sort(), ["ns-staging", "streamkit.json"]);
	assert.deepEqual(
		(await store.streams.read("events")).map((entry) => entry.text()),
		["plain", "by name"],
	);
	await store.close();
});

test("reading a namespace that is not there is exit code 1 and creates nothing", async () => {
	const dir = fresh();
	await done(["ns", "create", "staging", "--dir", dir]);
	for (const args of [["read", "events"], ["ls"], ["trim", "events", "--maxlen", "1"], ["delete", "events"]]) {
		const error = await failure(1, ["stream", ...args, "-n", "nope", "--dir", dir]);
		assert.equal(error.message, `there is no namespace "nope" in ${dir}`);
	}
	const empty = await cli(["stream", "ls", "-n", "staging", "--dir", dir]);
	assert.deepEqual([empty.code, empty.stderr], [0, "No streams found in namespace 'staging'\n"]);
	assert.deepEqual(await names(dir), ["default", "staging"]);
});

test("reading the namespace default before anything is stored in it is exit code 1 and creates nothing", async () => {
	const dir = fresh();
	await done(["stream", "append", "s", "x", "-n", "prod", "--dir", dir]);
	await done(["ns", "create", "staging", "--dir", dir]);
	const before = readdirSync(dir).sort();
	const file = join(temporaryDirectory(), "all");
	for (const args of [
		["export", file, "--force"],
		...[["verify"], ["compact"], ["spaces"], ["health"], ["consume", "s", "--follow"], ["verify", "-n", "default"]],
		...[["read", "s"], ["read", "s", "-n", "default"], ["ls"], ["delete", "s"]].map((args) => ["stream", ...args]),
	]) {
		const error = await failure(1, [...args, "--dir", dir]);
		assert.equal(error.code, "NOT_FOUND");
		assert.equal(
			error.message,
			`nothing is stored in the namespace "default" of ${dir}, but there may be in the namespaces prod, staging (-n NAME)`,
		);
	}
	assert.equal(existsSync(file), false);
	assert.deepEqual(readdirSync(dir).sort(), before);
	assert.deepEqual(await names(dir), ["default", "prod", "staging"]);
	await done(["stream", "append", "s", "x", "--dir", dir]);
	assert.equal((await objects(["stream", "read", "s", "--dir", dir])).length, 1);
});

test("export, import, verify and compact work in the namespace named, and say which others they leave out", async () => {
	const isOne = fresh();
	const isMany = fresh();
	await done(["publish", "s", "a", "x", "--dir", isOne]);
	await done(["ns", "create", "Empty", "--dir", isMany]);
	await done(["stream", "append", "s", "x", "--dir", isMany]);
	const remark = "not included: the namespace prod (-n NAME)\n";
	for (const [dir, remarks] of [
		[isOne, remark],
		[isMany, "not included: the namespaces Empty, prod (-n NAME)\n"],
	] as const) {
		await done(["stream", "append", "s", "1", "2", "-n", "prod", "--dir", dir]);
		for (const args of [["export"], ["export", "--format", "ndjson"], ["verify"], ["compact"]]) {
			const { code, stderr } = await cli([...args, "--dir", dir]);
			assert.deepEqual([code, stderr], [0, remarks], args.join(" "));
			for (const named of [["-n", "prod"], ["--namespace", "default"], ["--json"]]) {
				const other = await cli([...args, ...named, "--dir", dir]);
				assert.deepEqual([other.code, other.stderr], [0, ""], [...args, ...named].join(" "));
			}
		}
		assert.match(await done(["verify", "-n", "prod", "--dir", dir]), /^ok: 2 entries/);
		const { bytes } = await cli(["export", "-n", "prod", "--dir", dir]);
		await done(["import", "-n", "copy", "--dir", dir], { input: bytes });
		assert.match(await done(["verify", "-n", "copy", "--dir", dir]), /^ok: 2 entries/);
		assert.match((await failure(1, ["export", "-n", "nope", "--dir", dir])).message, /^there is no namespace "nope"/);
		assert.match((await failure(2, ["verify", "-n", "9", "--dir", dir])).message, /^--namespace: must be a letter/);
	}
	writeFileSync(join(isOne, "namespaces", "streamkit.json"), "not ours");
	assert.match(await done(["verify", "--dir", isOne]), /^ok: 1 entry/);
});

test("a directory that holds something else is refused and left as it is", async () => {
	const dir = temporaryDirectory();
	const foreign = join(dir, "foreign");
	mkdirSync(foreign);
	writeFileSync(join(foreign, "mine"), "");
	for (const args of [
		["ns", "create", "a"],
		["ns", "list"],
		["stream", "append", "s", "x", "-n", "a"],
		["stream", "append", "s", "x"],
	]) {
		assert.match((await failure(2, [...args, "--dir", foreign])).message, /is not empty and holds no store/);
	}
	assert.deepEqual(readdirSync(foreign), ["mine"]);
});
