import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { isStreamkitError } from "streamkit";
import { openDirectory, openNamespaces } from "../src/index.js";
import { directoryNameOf, namespaceOf } from "../src/namespaces/namespaces.js";
import { coded, OnDisk, runChild, temporaryDirectory } from "./support.js";

const record = [{ payload: "x" }];

test("names become names of files that no file system confuses, and back", () => {
	const names = ["default", "A", "a", "aB", "Ab", "AB", "con", "x.", "x..", "a.b", "a_b-c9", "Z".repeat(63), "nul.txt"];
	const files = names.map(directoryNameOf);
	assert.equal(new Set(files.map((file) => file.toLowerCase().replace(/[. ]+$/, ""))).size, names.length);
	assert.deepEqual(files.map(namespaceOf), names);
	for (const file of ["ns-", "ns-A", "default", "ns-+", "ns-9", "ns-a-", ".deleted-1", "ns-a b"]) {
		assert.equal(namespaceOf(file), undefined, file);
	}
});

test("creates, lists, opens and deletes", async () => {
	const path = join(temporaryDirectory(), "all");
	const namespaces = await openNamespaces(path);
	assert.deepEqual(await namespaces.list(), ["default"]);
	await namespaces.create("Orders");
	await namespaces.create("orders");
	await assert.rejects(namespaces.create("orders"), coded("ALREADY_EXISTS"));
	await assert.rejects(namespaces.create("default"), coded("ALREADY_EXISTS"));
	assert.deepEqual(await namespaces.list(), ["Orders", "default", "orders"]);

	const store = await namespaces.open("orders");
	await store.produce("space", "segment", record);
	await assert.rejects(namespaces.delete("orders"), coded("NOT_EMPTY", /: only force deletes it$/));
	await assert.rejects(namespaces.delete("missing"), coded("NOT_FOUND"));
	await assert.rejects(namespaces.delete("default", { force: true }), coded("INVALID_ARGUMENT"));
	const other = await namespaces.open("Orders");
	await other.streams.create("s", { partitions: 4 });
	await assert.rejects(namespaces.delete("Orders"), coded("NOT_EMPTY"));
	await other.streams.delete("s");
	await namespaces.delete("Orders");
	assert.deepEqual(await namespaces.list(), ["default", "orders"]);
	await namespaces.delete("orders", { force: true });
	assert.deepEqual(await namespaces.list(), ["default"]);
	assert.deepEqual(
		readdirSync(path).filter((name) => name.startsWith(".")),
		[],
	);
	await namespaces.close();
	await namespaces.close();
	await assert.rejects(namespaces.list(), coded("CLOSED"));
	await assert.rejects(namespaces.open(), coded("CLOSED"));
});

test("opening a namespace does not create it, writing to it does", async () => {
	const path = join(temporaryDirectory(), "all");
	await using namespaces = await openNamespaces(path);
	const store = await namespaces.open("lazy");
	assert.deepEqual(await namespaces.list(), ["default"]);
	await assert.rejects(namespaces.delete("lazy"), coded("NOT_FOUND"));
	await store.produce("space", "segment", record);
	await store.produce("space", "segment", record);
	assert.deepEqual(await namespaces.list(), ["default", "lazy"]);
	await store.close();
	const again = await openNamespaces(path);
	assert.deepEqual(await again.list(), ["default", "lazy"]);
	await again.close();
});

test("a namespace that was created, written to or deleted is so on the disk", async () => {
	const path = join(temporaryDirectory(), "all");
	const disk = new OnDisk(dirname(path));
	await disk.watching(async () => {
		await using namespaces = await openNamespaces(path);
		assert.deepEqual(disk.unnamed(), []);
		// As a process leaves it that ended before it had brought the name to the disk.
		mkdirSync(join(path, "ns-created"));
		await namespaces.create("created");
		assert.deepEqual(disk.unnamed(), []);
		const store = await namespaces.open("written");
		await store.produce("space", "segment", record);
		assert.deepEqual(disk.unnamed(), []);
		for (const name of ["created", "written"]) {
			assert.equal(disk.bytesOf(join(path, `ns-${name}`, "created")), 0);
			await namespaces.delete(name, { force: name === "written" });
			assert.ok(!disk.namesIn(path).includes(`ns-${name}`));
		}
	});
});

test("refuses names that break the rule, and creates nothing", async () => {
	const path = join(temporaryDirectory(), "all");
	await using namespaces = await openNamespaces(path);
	for (const name of [
		"",
		"9a",
		"a-",
		"a/b",
		"..",
		"a".repeat(64),
		"a b",
		"\u00e4",
		"_a",
		undefined as unknown as string,
	]) {
		await assert.rejects(namespaces.create(name), coded("INVALID_ARGUMENT", /^name:/), name);
		if (name !== undefined) await assert.rejects(namespaces.open(name), coded("INVALID_ARGUMENT", /^name:/));
		await assert.rejects(namespaces.delete(name), coded("INVALID_ARGUMENT", /^name:/));
	}
	assert.deepEqual(await namespaces.list(), ["default"]);
	assert.deepEqual(readdirSync(path), ["streamkit.json"]);
});

test("refuses a directory of another kind", async () => {
	const path = temporaryDirectory();
	writeFileSync(join(path, "mine"), "");
	await assert.rejects(openNamespaces(path), coded("INVALID_ARGUMENT", /not empty/));
	const all = join(path, "all");
	const namespaces = await openNamespaces(all);
	const store = await namespaces.open();
	await namespaces.close();
	void store;
	await assert.rejects(openNamespaces(join(all, "ns-default")), coded("INVALID_ARGUMENT", /"store"/));
	mkdirSync(join(all, "ns-foreign"));
	writeFileSync(join(all, "ns-foreign", "file"), "");
	const again = await openNamespaces(all);
	assert.deepEqual(await again.list(), ["default"]);
	await assert.rejects(again.open("foreign"), coded("INVALID_ARGUMENT"));
	await again.close();
	assert.ok(existsSync(join(all, "ns-foreign", "file")));
});

test("options that break their rules are refused, and nothing is made or deleted", async () => {
	const path = join(temporaryDirectory(), "all");
	for (const options of [null, 5, "x"]) {
		await assert.rejects(openNamespaces(path, options as never), coded("INVALID_ARGUMENT", /^options:/));
		await assert.rejects(openDirectory(path, options as never), coded("INVALID_ARGUMENT", /^options:/));
	}
	const storeId = "550e8400-e29b-41d4-a716-446655440000";
	await assert.rejects(openNamespaces(path, { storeId }), coded("INVALID_ARGUMENT", /^storeId:/));
	for (const options of [{ durability: "sure" }, { pollInterval: 0 }, { signal: 5 }, { storeId: "x" }]) {
		const argument = Object.keys(options).join();
		const refused = coded("INVALID_ARGUMENT", new RegExp(`^${argument}:`));
		await assert.rejects(openNamespaces(path, options as never), refused);
		await assert.rejects(openDirectory(path, options as never), refused);
	}
	const reason = new Error("enough");
	await assert.rejects(openNamespaces(path, { signal: AbortSignal.abort(reason) }), reason);
	await assert.rejects(openDirectory(path, { signal: AbortSignal.abort(reason) }), reason);
	assert.ok(!existsSync(path));

	await using namespaces = await openNamespaces(path);
	await namespaces.create("one");
	for (const options of [null, { force: "no" }, { force: 1 }]) {
		await assert.rejects(namespaces.delete("one", options as never), coded("INVALID_ARGUMENT", /^(options|force):/));
	}
	assert.deepEqual(await namespaces.list(), ["default", "one"]);
});

test("a signal is about opening the namespaces, not about the stores opened later", async () => {
	const controller = new AbortController();
	const path = join(temporaryDirectory(), "all");
	await using namespaces = await openNamespaces(path, { signal: controller.signal });
	controller.abort();
	const store = await namespaces.open("later");
	assert.equal((await store.produce("space", "segment", record)).lastSequence, 1);
});

test("deleting without force and writing never both succeed and lose what was written", async () => {
	const path = join(temporaryDirectory(), "all");
	await using namespaces = await openNamespaces(path);
	await using others = await openNamespaces(path);
	const outcomes = new Set<string>();
	for (const from of [namespaces, others]) {
		for (let ticks = 0; ticks < 60; ticks++) {
			await namespaces.create("one");
			const store = await from.open("one");
			const deleting = namespaces.delete("one");
			for (let i = 0; i < ticks; i++) await undefined;
			const [deleted, written] = await Promise.allSettled([deleting, store.produce("space", "segment", record)]);
			outcomes.add(`${deleted.status}, ${written.status}`);
			if (written.status === "fulfilled") {
				await assert.rejects(deleting, coded("NOT_EMPTY"), `after ${ticks} ticks`);
				assert.ok(await (await namespaces.open("one")).getSegmentStatus("space", "segment"));
				// The store stays open.
				await store.produce("space", "segment", record);
				await namespaces.delete("one", { force: true });
			} else assert.ok(["CLOSED", "UNAVAILABLE"].includes(written.reason.code), String(written.reason));
			await store.close();
		}
	}
	assert.deepEqual([...outcomes].sort(), ["fulfilled, rejected", "rejected, fulfilled"]);
});

test("nor does writing by other processes", async () => {
	const path = join(temporaryDirectory(), "all");
	await using namespaces = await openNamespaces(path);
	const written: string[] = [];
	const deletions: Promise<void>[] = [];
	const onLine = (line: string): void => {
		const { name, stored } = JSON.parse(line);
		if (stored) written.push(name);
		const deleting = namespaces.delete(name).catch((error: unknown) => {
			const { code } = error as { code?: string };
			if (!["NOT_EMPTY", "NOT_FOUND", "CONFLICT"].includes(code ?? "")) throw error;
		});
		deletions.push(deleting);
		deleting.catch(() => {});
	};
	const children = await Promise.all(["a", "b"].map((own) => runChild("namespaces", [path, "150", own], { onLine })));
	for (const child of children) assert.equal(child.code, 0, child.stderr);
	await Promise.all(deletions);
	assert.ok(written.length > 0);
	for (const name of written) {
		const store = await namespaces.open(name);
		assert.ok(await store.getSegmentStatus("space", "segment"), name);
		await store.close();
	}
});

test("of several deletions of one namespace at once, those that come too late find none", async () => {
	const path = join(temporaryDirectory(), "all");
	await using namespaces = await openNamespaces(path);
	await using others = await openNamespaces(path);
	for (const force of [false, true]) {
		for (let turns = 0; turns < 10; turns++) {
			await namespaces.create("one");
			await namespaces.open("one");
			const deletions = [namespaces, others, namespaces].map(async (from, index) => {
				for (let left = turns * index; left > 0; left--) await turn();
				await from.delete("one", { force: force && index > 0 });
			});
			const results = await Promise.allSettled(deletions);
			assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1, `${force}, ${turns}`);
			for (const result of results) {
				if (result.status === "rejected")
					assert.ok(isStreamkitError(result.reason, "NOT_FOUND"), String(result.reason));
			}
			assert.deepEqual(await namespaces.list(), ["default"]);
		}
	}
});
