import assert from "node:assert/strict";
import fs, {
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DirectoryHost } from "../src/directory/host.js";
import { NamespaceHost } from "../src/namespaces/namespace-host.js";
import { openNamespaces } from "../src/namespaces/namespaces.js";
import { batch, bytes, coded, openFilesIn, runChild, temporaryDirectory, text, withFileSystem } from "./support.js";

const MARKER = '{"streamkit":"store","format":1}\n';

/** A store with one row, written strictly, in place of what is there. */
async function replaced(path: string): Promise<void> {
	rmSync(path, { recursive: true, force: true });
	const host = new DirectoryHost(path);
	await host.commit(batch({ a: "acknowledged" }, "strict"));
	await host.close();
}

async function holdsRow(path: string): Promise<void> {
	const host = new DirectoryHost(path);
	assert.equal(text(host.get([bytes("a")])[0]), "acknowledged");
	await host.close();
}

/** As on a system on which nothing leads to open files themselves. */
async function onOtherSystems(run: () => Promise<void>): Promise<void> {
	const { platform } = process;
	Object.defineProperty(process, "platform", { value: "other" });
	try {
		await run();
	} finally {
		Object.defineProperty(process, "platform", { value: platform });
	}
}

for (const [where, on] of [
	["here", (run: () => Promise<void>) => run()],
	["on other systems", onOtherSystems],
] as const) {
	test(`a store that takes the place of one that is being opened is left alone (${where})`, async () => {
		const path = join(temporaryDirectory(), "store");
		await new DirectoryHost(path).close();
		const { existsSync: exists, rmSync: remove } = fs;
		const done: Promise<void>[] = [];
		let isDeleted = false;
		const deleting = {
			// Before LMDB opens the directory, which the package makes if it is missing.
			existsSync: (at: fs.PathLike) => {
				if (!isDeleted && !String(at).endsWith("data.mdb") && !String(at).endsWith("journal")) {
					isDeleted = true;
					remove(path, { recursive: true, force: true });
				}
				return exists(at);
			},
			// Between a look at what is there and the removal of it.
			rmSync: ((at: fs.PathLike, options: fs.RmOptions) => {
				if (String(at) === join(path, "data.mdb")) {
					fs.rmSync = remove;
					done.push(replaced(path));
				}
				remove(at, options);
			}) as typeof remove,
		};
		await on(async () => {
			await withFileSystem(deleting, async () => {
				assert.throws(() => new DirectoryHost(path), coded("UNAVAILABLE", /was deleted or replaced/));
				assert.equal(isDeleted, true);
				await Promise.all(done);
			});
			// What the package made in its place is in nobody's way.
			if (done.length === 0) await new DirectoryHost(path).close();
			if (done.length === 0) await replaced(path);
			await holdsRow(path);
		});
	});
}

test("what is left where a store was deleted while others had it open makes room for a new one", async () => {
	const made = join(temporaryDirectory(), "made");
	await new DirectoryHost(made).close();
	const [data, lock] = ["data.mdb", "lock.mdb"].map((name) => readFileSync(join(made, name)));
	const empty = new Uint8Array(0);
	for (const left of [
		{ created: empty },
		{ wake: bytes("w") },
		{ created: empty, wake: empty },
		{ "data.mdb": empty, "lock.mdb": empty, journal: empty, wake: empty },
		{ "data.mdb": data, "lock.mdb": lock, journal: empty },
		{ "lock.mdb": lock, journal: empty, values: undefined },
	]) {
		const directory = temporaryDirectory();
		const namespaces = await openNamespaces(directory);
		const path = join(directory, "ns-x");
		mkdirSync(path);
		for (const [name, content] of Object.entries(left)) {
			if (content === undefined) mkdirSync(join(path, name));
			else writeFileSync(join(path, name), content);
		}
		const store = await namespaces.open("x");
		await store.publish("space", "segment", "1");
		await store.close();
		if (process.platform === "linux") assert.deepEqual(openFilesIn(path), []);
		assert.deepEqual(await namespaces.list(), ["default", "x"]);
		assert.equal(readFileSync(join(path, "streamkit.json"), "utf8"), MARKER);
		await namespaces.delete("x", { force: true });
		await namespaces.create("x");
		await namespaces.close();
	}
});

test("what holds data, or is not ours, is not taken for what is left of a store", async () => {
	const made = join(temporaryDirectory(), "made");
	await replaced(made);
	const data = readFileSync(join(made, "data.mdb"));
	for (const left of [
		{ "data.mdb": data },
		{ journal: bytes("rows") },
		{ wake: new Uint8Array(0), "values/1": bytes("rows") },
		{ created: bytes("mine") },
		{ wake: new Uint8Array(0), mine: bytes("mine") },
	]) {
		const path = temporaryDirectory();
		for (const [name, content] of Object.entries(left)) {
			if (name.includes("/")) mkdirSync(join(path, "values"));
			writeFileSync(join(path, name), content as Uint8Array);
		}
		const names = readdirSync(path);
		assert.throws(() => new DirectoryHost(path), coded("INVALID_ARGUMENT", /not empty and holds no store/));
		assert.deepEqual(readdirSync(path), names);
		for (const [name, content] of Object.entries(left)) {
			assert.deepEqual(new Uint8Array(readFileSync(join(path, name))), new Uint8Array(content as Uint8Array));
		}
	}
});

test("data that are missing or empty are CORRUPT where anything says that there were some", async () => {
	for (const [evidence, content] of [
		["journal", ""],
		["journal", "rows"],
		["wake", "w"],
		["values/1", "rows"],
	] as const) {
		for (const lost of [rmSync, (file: string) => truncateSync(file)]) {
			const path = join(temporaryDirectory(), "store");
			await replaced(path);
			lost(join(path, "data.mdb"));
			for (const name of ["journal", "wake"]) rmSync(join(path, name));
			if (evidence === "values/1") mkdirSync(join(path, "values"));
			writeFileSync(join(path, evidence), content);
			assert.throws(() => new DirectoryHost(path), coded("CORRUPT", /data\.mdb is (missing|empty), and \w+ says/));
			assert.equal(readFileSync(join(path, evidence), "utf8"), content);
			assert.ok((fs.statSync(join(path, "data.mdb"), { throwIfNoEntry: false })?.size ?? 0) === 0);
		}
	}
	// What a process leaves that ended while it made a store, or created a namespace.
	for (const left of ["data.mdb", "lock.mdb", "created"]) {
		const path = temporaryDirectory();
		writeFileSync(join(path, "streamkit.json"), MARKER);
		writeFileSync(join(path, left), "");
		await new DirectoryHost(path).close();
	}
});

test("who has a store open that was replaced makes nothing in the other one", async () => {
	const parent = temporaryDirectory();
	const path = join(parent, "store");
	const before = new DirectoryHost(path);
	await before.commit(batch({ a: "1" }, "strict"));
	const namespace = new NamespaceHost(path);
	const watched = new NamespaceHost(path);
	renameSync(path, join(parent, "moved"));
	mkdirSync(path);
	writeFileSync(join(path, "streamkit.json"), MARKER);
	before.notify();
	watched.watch(() => {});
	await assert.rejects(async () => namespace.commit(batch({ b: "1" })), coded("UNAVAILABLE", /deleted or replaced/));
	assert.deepEqual(readdirSync(path), ["streamkit.json"]);
	for (const host of [before, namespace, watched]) await host.close();
});

test("a lock file that cannot be made while a store is opened does not end the process", async () => {
	const path = join(temporaryDirectory(), "store");
	await replaced(path);
	const child = await runChild("unlock", [path]);
	assert.equal(child.code, 0, `${child.signal} ${child.stderr}`);
	assert.match(child.stdout, /"UNAVAILABLE"/, child.stdout);
	rmSync(join(path, "lock.mdb"));
	await holdsRow(path);
});

test("a directory that is deleted right before LMDB opens its files is told as such, and stays deleted", {
	skip: process.platform !== "linux" && "needs paths of open files",
}, async () => {
	const path = join(temporaryDirectory(), "store");
	const { symlinkSync } = fs;
	const deleting = (...args: Parameters<typeof symlinkSync>) => {
		rmSync(path, { recursive: true, force: true });
		symlinkSync(...args);
	};
	await withFileSystem({ symlinkSync: deleting }, () => {
		assert.throws(() => new DirectoryHost(path), coded("UNAVAILABLE", /was deleted or replaced/));
	});
	assert.equal(existsSync(path), false);
});
