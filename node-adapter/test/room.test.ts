import assert from "node:assert/strict";
import fs, { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type HostBatch, isStreamkitError } from "streamkit";
import { usedBytes } from "../src/directory/layout.js";
import { LmdbEnvironment } from "../src/directory/lmdb/environment.js";
import { openDirectory } from "../src/directory/open-directory.js";
import { pagesBeside, pagesFor } from "../src/directory/room.js";
import { randomFrom, temporaryDirectory, withFileSystem } from "./support.js";

type Bytes = Uint8Array<ArrayBuffer>;

const key = (number: number, bytes: number): Bytes => {
	const made = new Uint8Array(Math.max(bytes, 4));
	// Neighbours in number are far apart in order.
	new DataView(made.buffer).setUint32(0, Math.imul(number, 0x9e3779b1) >>> 0);
	return made;
};

function batch(
	puts: readonly (readonly [number, number, number])[],
	deletes: readonly (readonly [number, number])[] = [],
) {
	return {
		checks: [],
		deletes: deletes.map(([number, bytes]) => key(number, bytes)),
		puts: puts.map(([number, bytes, length]) => ({ key: key(number, bytes), value: new Uint8Array(length) })),
		durability: "strict",
	} satisfies HostBatch;
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** Makes a change: the pages and those that could be used again before it, and how many it added. */
function made(environment: LmdbEnvironment, { deletes, puts }: HostBatch) {
	const before = environment.pages();
	const free = environment.write(() => environment.freePages());
	environment.write(() => {
		for (const gone of deletes) environment.remove(gone);
		for (const put of puts) environment.put(put.key, put.value);
	});
	return { before, free, added: environment.pages().count - before.count };
}

test("no commit adds more pages than were looked for", async (t) => {
	const directory = mkdtempSync(join(tmpdir(), "streamkit-room-"));
	const environment = new LmdbEnvironment(directory);
	t.after(async () => {
		await environment.close();
		rmSync(directory, { recursive: true });
	});
	// Into an empty tree: of the longest keys, the pages above those of the rows are as many.
	const random = randomFrom(7);
	const commits: HostBatch[] = range(0, 3).map(() =>
		batch(range(0, 800).map(() => [Math.floor(random() * 2 ** 32), 1978, Math.floor(random() * 300)])),
	);
	for (const bytes of [4, 40, 300, 1978]) {
		for (const length of [0, 10, 500, 900, 1100, 1500, 2100, 4000, 4096, 9000]) {
			const first = commits.length * 1000;
			const keys = range(first, first + 60);
			commits.push(
				batch(keys.map((number) => [number, bytes, length])),
				batch(keys.filter((number) => number % 3 === 0).map((number) => [number, bytes, 5000 - length / 2])),
				batch(
					[],
					keys.filter((number) => number % 2 === 0).map((number) => [number, bytes]),
				),
			);
		}
	}
	commits.push(
		batch(range(0, 3000).map((number) => [1_000_000 + number, 60, 40])),
		batch([[5_000_000, 40, 3_000_000]]),
		batch(
			[],
			range(0, 3000).map((number) => [1_000_000 + number, 60]),
		),
	);
	let used = 0;
	for (const [index, one] of commits.entries()) {
		const { before, free, added } = made(environment, one);
		for (const looked of [pagesFor(one, before), pagesBeside(one, before, free)]) {
			assert.ok(added <= looked, `commit ${index}: ${added} pages were added, ${looked} looked for`);
		}
		used += pagesBeside(one, before, free) < pagesFor(one, before) ? 1 : 0;
	}
	assert.ok(used > commits.length / 2, `pages that can be used again were counted for ${used} of ${commits.length}`);
});

test("nor where rows come and go, and what they leave is used again", async (t) => {
	for (const [seed, keyBytes, rows, most] of [
		[1, 8, 300, 60_000],
		[2, 40, 3000, 700],
		[3, 100, 3000, 9000],
		[4, 300, 20_000, 100],
	] as const) {
		const environment = new LmdbEnvironment(temporaryDirectory());
		t.after(() => environment.close());
		const random = randomFrom(seed);
		let used = 0;
		for (let commit = 0; commit < 60; commit++) {
			const from = Math.floor(random() * rows);
			const numbers = range(from, from + Math.floor(random() ** 3 * (most > 9000 ? 10 : 300)) + 1);
			const one =
				random() < 0.4
					? batch(
							[],
							numbers.map((number) => [number, keyBytes]),
						)
					: batch(numbers.map((number) => [number, keyBytes, Math.floor(most * random())]));
			const { before, free, added } = made(environment, one);
			// Two have the headers.
			const unused = before.count - (before.tree ?? 0) - 2;
			assert.ok(free.count <= unused, `commit ${commit} of ${seed}: ${free.count} of ${unused} pages are free`);
			const looked = pagesBeside(one, before, free);
			assert.ok(added <= looked, `commit ${commit} of ${seed}: ${added} pages were added, ${looked} looked for`);
			if (looked < pagesFor(one, before)) used++;
		}
		assert.ok(used > 20, `pages that can be used again were counted for ${used} commits of ${seed}`);
	}
});

test("many small operations need no room for a path each", () => {
	const few = { size: 4096, count: 1_000_000, tree: 20 };
	const many = { size: 4096, count: 1_000_000 };
	const deletes = range(0, 10_000).map((number) => [number, 40] as const);
	assert.ok(pagesFor(batch([], deletes), few) < 100);
	assert.ok(pagesFor(batch([], deletes), many) <= 40_300);
	const puts = range(0, 10_000).map((number) => [number, 40, 40] as const);
	assert.ok(pagesFor(batch(puts), few) < 1500);
	assert.ok(pagesFor(batch([[1, 40, 1_000_000]]), many) < 300);
});

test("pages of a snapshot that somebody reads are not used again", async (t) => {
	const directory = temporaryDirectory();
	const environment = new LmdbEnvironment(directory);
	const reader = new LmdbEnvironment(directory);
	t.after(async () => {
		await environment.close();
		await reader.close();
	});
	const put = (number: number): void =>
		environment.write(() => environment.put(key(number, 8), new Uint8Array(40_000)));
	const free = (): number => environment.write(() => environment.freePages().count);
	const rewrite = (): void => {
		for (let number = 0; number < 5; number++) put(number);
	};
	rewrite();
	reader.reading(() => {
		reader.snapshot();
		const before = free();
		rewrite();
		rewrite();
		assert.ok(free() <= before);
	});
	put(9);
	assert.ok(free() > 40);
});

for (const durability of ["strict", "relaxed"] as const) {
	for (const size of [200, 3000, 60_000]) {
		test(`on a full disk it can be deleted, and written then (${durability}, ${size} bytes)`, async () => {
			const path = join(temporaryDirectory(), "store");
			await onFullDisk(path, (size === 200 ? 4 : 6) * 1024 * 1024, async () => {
				const store = await openDirectory(path, { durability });
				const fill = async (): Promise<number> => {
					for (let stored = 0; ; stored++) {
						try {
							await store.streams.append("stream", "x".repeat(size));
						} catch (error) {
							assert.ok(isStreamkitError(error, "QUOTA_EXCEEDED"), String(error));
							return stored;
						}
					}
				};
				const first = await fill();
				for (let again = 0; again < 2; again++) {
					await store.streams.trim("stream", { maxCount: 5 });
					await store.streams.delete("stream", { force: true });
					await store.compact();
					await store.publish("other", "small", "x", { durability: "strict" });
					const stored = await fill();
					assert.ok(stored > first / 3, `${stored} of ${first}`);
				}
				await store.close();
			});
		});
	}
}

/** Runs while the disk seems to have so many bytes, and no more of them free than the store in a directory leaves. */
function onFullDisk(path: string, bytes: number, run: () => Promise<void>): Promise<void> {
	const { statfsSync } = fs;
	const left = (at: fs.PathLike): fs.StatsFs => {
		const used = existsSync(path) ? usedBytes(path) : 0;
		assert.ok(used <= bytes, `${used} bytes are used of a disk of ${bytes}`);
		return { ...statfsSync(at), blocks: bytes, bavail: bytes - used, bsize: 1 };
	};
	return withFileSystem({ statfsSync: left as typeof statfsSync }, run);
}
