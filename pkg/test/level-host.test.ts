import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ClassicLevel } from "classic-level";
import { MemoryLevel } from "memory-level";
import { isStreamkitError } from "../src/errors.js";
import type { HostKv } from "../src/host.js";
import { levelHost } from "../src/level.js";
import { hostConformance } from "../src/testing.js";
import { runner } from "./support/runner.js";
import { storeIn } from "./support/store.js";

let memory = new MemoryLevel<Uint8Array, Uint8Array>();
hostConformance(runner("memory-level"), {
	async open() {
		memory = new MemoryLevel({ storeEncoding: "view" });
		return levelHost(memory);
	},
	reopen: async () => levelHost(memory),
	second: async () => levelHost(memory),
});

hostConformance(runner("memory-level below a prefix"), {
	async open() {
		memory = new MemoryLevel();
		// Neighbours on both sides that no scan may show.
		await memory.put(new Uint8Array([6, 0xff]), new Uint8Array(1), { keyEncoding: "view", valueEncoding: "view" });
		await memory.put(new Uint8Array([8]), new Uint8Array(1), { keyEncoding: "view", valueEncoding: "view" });
		return levelHost(memory, { prefix: new Uint8Array([7]), singleWriter: true });
	},
	reopen: async () => levelHost(memory, { prefix: new Uint8Array([7]) }),
});

hostConformance(runner("a sublevel"), {
	async open() {
		memory = new MemoryLevel();
		return levelHost(memory.sublevel("store"));
	},
	second: async () => levelHost(memory.sublevel("store")),
});

const folder = await mkdtemp(join(tmpdir(), "streamkit-level-"));
const opened: ClassicLevel[] = [];
after(async () => {
	await Promise.all(opened.map((db) => db.close()));
	await rm(folder, { recursive: true, force: true });
});

let disk: ClassicLevel | undefined;
hostConformance(runner("classic-level"), {
	async open() {
		disk = new ClassicLevel(join(folder, String(opened.length)));
		opened.push(disk);
		return levelHost(disk);
	},
	async reopen(): Promise<HostKv> {
		await disk?.close();
		await disk?.open();
		return levelHost(disk as ClassicLevel);
	},
	second: async () => levelHost(disk as ClassicLevel),
});

test("what is no database is refused", () => {
	for (const db of [undefined, null, {}, { status: "open" }, { status: "open", batch() {}, iterator() {} }]) {
		assert.throws(
			() => levelHost(db as never),
			(error) => isStreamkitError(error, "INVALID_ARGUMENT"),
		);
	}
	assert.throws(
		() => levelHost(new MemoryLevel() as never, { prefix: "x" as never }),
		(error) => isStreamkitError(error, "INVALID_ARGUMENT"),
	);
});

test("a closed database is UNAVAILABLE", async () => {
	const db = new MemoryLevel();
	const host = levelHost(db);
	await db.close();
	await assert.rejects(
		async () => host.get([new Uint8Array([1])]),
		(error) => isStreamkitError(error, "UNAVAILABLE"),
	);
});

test("stores of two copies of the package share a database", async (t) => {
	// Another address makes another module, as the CommonJS build is one beside this.
	const copy = (await import(
		new URL("../src/hosts/level.js?copy", import.meta.url).href
	)) as typeof import("../src/level.js");
	assert.notEqual(copy.levelHost, levelHost);
	const db = new MemoryLevel();
	const one = await storeIn(t, {}, levelHost(db));
	const other = await storeIn(t, {}, copy.levelHost(db));
	const sequences: number[] = [];
	for (let i = 0; i < 20; i++) {
		const both = await Promise.all([one.publish("s", "g", "one"), other.publish("s", "g", "other")]);
		sequences.push(...both.map(({ lastSequence }) => lastSequence));
	}
	assert.deepEqual(
		sequences.sort((a, b) => a - b),
		Array.from({ length: 40 }, (_, i) => i + 1),
	);
	assert.deepEqual((await one.verify()).problems, []);
});
