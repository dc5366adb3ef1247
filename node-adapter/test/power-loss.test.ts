// Power loss, played: what the disk has of each file after it is drawn page by page from what was there when the last
// flush began and from what was written since, and the system then has another boot id.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { DirectoryHost } from "../src/directory-host.js";
import type { Flush } from "../src/lmdb-relaxed.js";
import { type Bytes, bytes, coded, numberKey, randomFrom, temporaryDirectory, text } from "./support.js";

const BEFORE = "00000000-0000-0000-0000-000000000001";
const AFTER = "00000000-0000-0000-0000-000000000002";
const PAGE = 4096;
const SECTOR = 512;
const ROWS = 60;

/** The files of one directory, as far as they are on the disk. */
class Disk implements Flush {
	readonly #flushed = new Map<string, { readonly begun: number; readonly content: Bytes }>();
	readonly #between = new Map<string, Bytes[]>();
	readonly #random: () => number;
	#begun = 0;

	constructor(random: () => number) {
		this.#random = random;
	}

	now(path: string): void {
		this.#begin(path)();
	}

	async later(path: string): Promise<void> {
		const done = this.#begin(path);
		await sleep(this.#random() * 20);
		done();
	}

	/** Remembers what a file holds in between, which the system may write at any time. */
	look(path: string): void {
		const seen = this.#between.get(path) ?? [];
		seen.push(read(path));
		this.#between.set(path, seen.slice(-6));
	}

	/** What may be found of a file after power loss. */
	afterLoss(path: string, unit: number): Bytes {
		const live = read(path);
		const versions = [this.#flushed.get(path)?.content ?? new Uint8Array(0), ...(this.#between.get(path) ?? []), live];
		const lost = new Uint8Array(live.length);
		// Sometimes all or nothing of what was not flushed is there, else some of it.
		const all = this.#random();
		const share = this.#random();
		for (let at = 0; at < live.length; at += unit) {
			const mixed = this.#random() < share ? 0 : Math.floor(this.#random() * versions.length);
			const version = versions[all < 0.2 ? 0 : all < 0.4 ? versions.length - 1 : mixed];
			lost.set((version ?? live).subarray(at, at + unit), at);
		}
		return lost;
	}

	#begin(path: string): () => void {
		this.#begun += 1;
		const begun = this.#begun;
		const content = read(path);
		return () => {
			// One that began earlier may be done later.
			if ((this.#flushed.get(path)?.begun ?? 0) > begun) return;
			this.#flushed.set(path, { begun, content });
			this.#between.delete(path);
		};
	}
}

// A checkpoint file may be removed between its being opened and its being flushed.
function read(path: string): Bytes {
	return existsSync(path) ? new Uint8Array(readFileSync(path)) : new Uint8Array(0);
}

interface Change {
	readonly deletes: readonly Bytes[];
	readonly puts: readonly { readonly key: Bytes; readonly value: Bytes }[];
}

function drawChange(random: () => number, number: number): Change {
	const rows = new Set(Array.from({ length: 1 + random() * 6 }, () => Math.floor(random() * ROWS)));
	const deletes: Bytes[] = [];
	const puts = [{ key: bytes("number"), value: bytes(String(number)) }];
	for (const row of rows) {
		if (random() < 0.3) deletes.push(numberKey(row));
		else {
			const size = random() < 0.2 ? random() * 30_000 : random() * 900;
			puts.push({ key: numberKey(row), value: new Uint8Array(size).fill(number) });
		}
	}
	return { deletes, puts };
}

function contentOf(host: DirectoryHost): Map<string, string> {
	const page = host.scan({ start: new Uint8Array([0]), end: new Uint8Array([255]), limit: 10_000 });
	return new Map(page.keys.map((key, index) => [hex(key), hex(page.values[index] ?? new Uint8Array(0))]));
}

function hex(value: Uint8Array): string {
	return Buffer.from(value).toString("hex");
}

function replay(changes: readonly Change[]): Map<string, string> {
	const content = new Map<string, string>();
	for (const { deletes, puts } of changes) {
		for (const key of deletes) content.delete(hex(key));
		for (const { key, value } of puts) content.set(hex(key), hex(value));
	}
	return content;
}

/** One or two hosts that write to one directory until the power goes. */
class Writers {
	readonly path = join(temporaryDirectory(), "store");
	readonly changes: Change[] = [];
	/** The last commit that was said to be strictly there. */
	promised = 0;
	readonly #random: () => number;
	readonly #disk: Disk;
	readonly #hosts: DirectoryHost[];
	readonly #waiting: Promise<unknown>[] = [];

	constructor(random: () => number) {
		this.#random = random;
		this.#disk = new Disk(random);
		this.#hosts = Array.from({ length: 1 + Math.floor(random() * 2) }, () => this.#open());
	}

	/** Writes, and ends at any moment. */
	async run(): Promise<void> {
		const commits = 20 + this.#random() * 250;
		while (this.changes.length < commits) {
			const done = this.#commit();
			if (this.#random() < 0.5) await done;
			if (this.#random() < 0.1) this.#disk.look(join(this.path, "data.mdb"));
			if (this.#random() < 0.05) await sleep(this.#random() * 5);
			if (this.#hosts.length > 1 && this.#random() < 0.03) {
				await this.#reopen();
				if (this.#random() < 0.2) return;
			}
		}
	}

	/** The directory as the next start of the system finds it. */
	afterLoss(): string {
		const after = join(temporaryDirectory(), "store");
		mkdirSync(after);
		for (const name of readdirSync(this.path)) {
			const path = join(this.path, name);
			if (name === "data.mdb") writeFileSync(join(after, name), this.#disk.afterLoss(path, PAGE));
			else if (name === "checkpoint") writeFileSync(join(after, name), this.#disk.afterLoss(path, SECTOR));
			else if (name !== "lock.mdb") writeFileSync(join(after, name), read(path));
		}
		return after;
	}

	async close(): Promise<void> {
		await Promise.all(this.#waiting);
		await Promise.all(this.#hosts.map((host) => host.close()));
	}

	#open(): DirectoryHost {
		return new DirectoryHost(this.path, { bootId: BEFORE, flush: this.#disk });
	}

	#commit(): Promise<unknown> | undefined {
		const number = this.changes.length + 1;
		const change = drawChange(this.#random, number);
		// Strict commits without a checkpoint file are flushed by LMDB itself, which the disk is not told of.
		const strict = this.#random() < 0.05 && existsSync(join(this.path, "checkpoint"));
		const host = this.#hosts[Math.floor(this.#random() * this.#hosts.length)];
		const result = host?.commit({ ...change, checks: [], durability: strict ? "strict" : "relaxed" });
		this.changes.push(change);
		if (!(result instanceof Promise)) return undefined;
		const done = result.then(() => {
			if (strict) this.promised = Math.max(this.promised, number);
		});
		this.#waiting.push(done);
		return done;
	}

	/** Closes one host, tidying up after itself while the other goes on, and opens it again. */
	async #reopen(): Promise<void> {
		const [first] = this.#hosts;
		if (first === undefined) return;
		this.#hosts.shift();
		const closing = first.close();
		for (let more = this.#random() * 4; more > 1; more -= 1) {
			await this.#commit();
			await sleep(this.#random() * 10);
		}
		await closing;
		this.#hosts.push(this.#open());
	}
}

const seed = Number(process.env["STREAMKIT_SEED"] ?? Math.floor(Math.random() * 1e9));
const rounds = Number(process.env["STREAMKIT_ROUNDS"] ?? "30");

test(`after power loss a prefix of the commits is there, with all strict ones (seed ${seed}, ${rounds} rounds)`, async () => {
	for (let round = 0; round < rounds; round += 1) {
		const random = randomFrom(seed + round);
		const writers = new Writers(random);
		await writers.run();
		const { changes, promised } = writers;
		const path = writers.afterLoss();

		const found = new DirectoryHost(path, { bootId: AFTER });
		const stored = Number(text(found.get([bytes("number")])[0]) ?? 0);
		assert.ok(stored >= promised, `round ${round}: ${stored} of ${changes.length} there, ${promised} promised`);
		const kept = changes.slice(0, stored);
		assert.deepEqual(contentOf(found), replay(kept), `round ${round}`);

		// And it can be written on, with either durability, and all of it is there when it is opened again.
		for (let number = 0; number < 40; number += 1) {
			const change = drawChange(random, kept.length + 1);
			kept.push(change);
			await found.commit({ ...change, checks: [], durability: number % 3 === 0 ? "strict" : "relaxed" });
		}
		await found.close();
		assert.equal(existsSync(join(path, "checkpoint")), false);
		const again = new DirectoryHost(path, { bootId: AFTER });
		assert.deepEqual(contentOf(again), replay(kept), `round ${round}`);
		await again.close();
		await writers.close();
	}
});

test("without a restart of the system, relaxed commits of a killed process are kept", async () => {
	const path = join(temporaryDirectory(), "store");
	const host = new DirectoryHost(path, { bootId: BEFORE });
	for (let number = 1; number <= 50; number += 1) {
		void host.commit({
			checks: [],
			deletes: [],
			puts: [{ key: bytes("number"), value: bytes(String(number)) }],
			durability: "relaxed",
		});
	}
	const copy = join(temporaryDirectory(), "store");
	mkdirSync(copy);
	for (const name of readdirSync(path)) writeFileSync(join(copy, name), readFileSync(join(path, name)));
	const same = new DirectoryHost(copy, { bootId: BEFORE });
	assert.equal(text(same.get([bytes("number")])[0]), "50");
	await same.close();
	await host.close();
});

test("closing, and a while without commits, leave nothing to recover", async () => {
	const path = join(temporaryDirectory(), "store");
	const host = new DirectoryHost(path);
	const put = (number: number) =>
		host.commit({
			checks: [],
			deletes: [],
			puts: [{ key: bytes("number"), value: bytes(String(number)) }],
			durability: "relaxed",
		});
	await put(1);
	assert.ok(existsSync(join(path, "checkpoint")));
	await sleep(3500);
	assert.ok(!existsSync(join(path, "checkpoint")));
	await put(2);
	assert.ok(existsSync(join(path, "checkpoint")));
	await host.close();
	assert.ok(!existsSync(join(path, "checkpoint")));
	const later = new DirectoryHost(path, { bootId: AFTER });
	assert.equal(text(later.get([bytes("number")])[0]), "2");
	await later.close();
});

test("strict commits alone leave no checkpoint file", async () => {
	const path = join(temporaryDirectory(), "store");
	const host = new DirectoryHost(path);
	const result = host.commit({
		checks: [],
		deletes: [],
		puts: [{ key: bytes("a"), value: bytes("1") }],
		durability: "strict",
	});
	assert.ok(!(result instanceof Promise));
	assert.ok(!existsSync(join(path, "checkpoint")));
	await host.close();
});

test("a damaged checkpoint file is CORRUPT and is left as it is", async () => {
	const path = join(temporaryDirectory(), "store");
	const host = new DirectoryHost(path, { bootId: BEFORE });
	void host.commit({ checks: [], deletes: [], puts: [{ key: bytes("a"), value: bytes("1") }], durability: "relaxed" });
	await host.close();
	writeFileSync(join(path, "checkpoint"), new Uint8Array(10_000));
	assert.throws(() => new DirectoryHost(path, { bootId: AFTER }), coded("CORRUPT", /checkpoint/));
	assert.equal(readFileSync(join(path, "checkpoint")).length, 10_000);
});

test("a failed flush makes strict commits fail, and everything after it", async () => {
	const path = join(temporaryDirectory(), "store");
	let failing = false;
	const flush: Flush = {
		now: () => {},
		later: async () => {
			if (failing) throw Object.assign(new Error("i/o error"), { code: "EIO" });
		},
	};
	const host = new DirectoryHost(path, { flush });
	const commit = async (durability: "strict" | "relaxed") =>
		host.commit({ checks: [], deletes: [], puts: [{ key: bytes("a"), value: bytes("1") }], durability });
	await commit("relaxed");
	await commit("strict");
	failing = true;
	await assert.rejects(commit("strict"), coded("UNAVAILABLE", /i\/o error/));
	failing = false;
	await assert.rejects(commit("strict"), coded("UNAVAILABLE", /i\/o error/));
	await assert.rejects(commit("relaxed"), coded("UNAVAILABLE", /i\/o error/));
	assert.equal(text(host.get([bytes("a")])[0]), "1");
	await host.close();
	const again = new DirectoryHost(path);
	assert.equal(text(again.get([bytes("a")])[0]), "1");
	await again.close();
});
