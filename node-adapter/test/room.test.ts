import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { HostBatch } from "streamkit";
import { LmdbEnvironment } from "../src/lmdb/environment.js";
import { pagesFor } from "../src/room.js";
import { randomFrom } from "./support.js";

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
	for (const [index, one] of commits.entries()) {
		const before = environment.pages();
		environment.write(() => {
			for (const gone of one.deletes) environment.remove(gone);
			for (const put of one.puts) environment.put(put.key, put.value);
		});
		const added = environment.pages().count - before.count;
		const looked = pagesFor(one, before);
		assert.ok(added <= looked, `commit ${index}: ${added} pages were added, ${looked} looked for`);
	}
});

test("many small operations need no room for a path each", () => {
	const few = { size: 4096, count: 20 };
	const many = { size: 4096, count: 1_000_000 };
	const deletes = range(0, 10_000).map((number) => [number, 40] as const);
	assert.ok(pagesFor(batch([], deletes), few) < 100);
	assert.ok(pagesFor(batch([], deletes), many) <= 40_032);
	const puts = range(0, 10_000).map((number) => [number, 40, 40] as const);
	assert.ok(pagesFor(batch(puts), few) < 1500);
	assert.ok(pagesFor(batch([[1, 40, 1_000_000]]), many) < 300);
});
