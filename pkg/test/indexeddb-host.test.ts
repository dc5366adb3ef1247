// What can be tested without a browser; all else is in tests/browser.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ScanRange } from "../src/host.js";
import { Filling, type Pairs } from "../src/hosts/indexeddb/filling.js";
import { indexedDbHost } from "../src/indexeddb.js";
import { refuses } from "./support/store.js";

test("without IndexedDB, opening is UNSUPPORTED and says where to look instead", async () => {
	await refuses("UNSUPPORTED", () => indexedDbHost("store"), /@streamkit\/node/);
});

test("wrong arguments are refused before anything is looked for", async () => {
	await refuses("INVALID_ARGUMENT", () => indexedDbHost(""), /^database/);
	await refuses("INVALID_ARGUMENT", () => indexedDbHost(7 as unknown as string), /^database/);
	await refuses("INVALID_ARGUMENT", () => indexedDbHost("\udc00"), /^database/);
	await refuses("INVALID_ARGUMENT", () => indexedDbHost("store", { persist: 1 as unknown as boolean }), /^persist/);
});

const KIB = 1024;
const start = new Uint8Array([0]);
const end = new Uint8Array([1]);

interface Reading {
	/** How many pairs the page has. */
	readonly pairs: number;
	/** How many pairs each request asked for. */
	readonly asked: readonly number[];
	/** Bytes that were read beyond what the page has. */
	readonly wasted: number;
}

/** Fills a page from rows of these sizes. */
function fill(sizes: readonly number[], range: Omit<ScanRange, "start" | "end">, expected?: number): Reading {
	const filling = new Filling({ start, end, ...range }, expected);
	const asked: number[] = [];
	let at = 0;
	let read = 0;
	for (;;) {
		const count = filling.next();
		if (count === 0) break;
		asked.push(count);
		const some = sizes.slice(at, at + count);
		at += some.length;
		for (const size of some) read += size;
		const pairs: Pairs = {
			keys: some.map(() => start),
			values: range.keysOnly === true ? [] : some.map((size) => new Uint8Array(size)),
		};
		if (!filling.take(pairs) || some.length < count) break;
	}
	const taken = filling.values.reduce((sum, { length }) => sum + length, 0);
	return { pairs: filling.keys.length, asked, wasted: range.keysOnly === true ? 0 : read - taken };
}

test("a page of rows as large as those before asks for all of them at once", () => {
	const rows = Array.from({ length: 50 }, () => 125 * KIB);
	const range = { limit: 1024, maxBytes: KIB * KIB };
	assert.deepEqual(fill(rows, range, 125 * KIB), { pairs: 8, asked: [8], wasted: 0 });
	assert.deepEqual(fill(rows, { ...range, limit: 3 }, 125 * KIB), { pairs: 3, asked: [3], wasted: 0 });
	// Larger or smaller than those before: never more than one request asks for at most.
	assert.deepEqual(fill(rows, range, 300 * KIB), { pairs: 8, asked: [3, 5], wasted: 0 });
	assert.deepEqual(fill(rows, range, 2000 * KIB), { pairs: 8, asked: [1, 4, 3], wasted: 0 });
	assert.deepEqual(fill(rows, range, 0), { pairs: 8, asked: [16], wasted: 8 * 125 * KIB });
});

test("a page of large rows reads none for nothing", () => {
	const rows = Array.from({ length: 50 }, () => 1000 * KIB);
	assert.deepEqual(fill(rows, { limit: 1024, maxBytes: KIB * KIB }), { pairs: 1, asked: [1], wasted: 0 });
	assert.deepEqual(fill(rows, { limit: 1024, maxBytes: 4 * KIB * KIB }), { pairs: 4, asked: [1, 3], wasted: 0 });
});

test("a page of small rows is filled to the byte in few requests", () => {
	const rows = Array.from({ length: 1000 }, () => 100);
	const page = fill(rows, { limit: 1024, maxBytes: 19_999 });
	assert.equal(page.pairs, 199);
	assert.ok(page.asked.length < 20, `asked ${page.asked}`);
	assert.equal(fill(rows, { limit: 150, maxBytes: 1 << 20 }).pairs, 150);
	assert.equal(fill(rows, { limit: 7, maxBytes: 1 }).pairs, 1);
});

test("small rows before large ones do not make it read many of those", () => {
	for (let small = 0; small < 40; small++) {
		const rows = [...Array.from({ length: small }, () => 200), ...Array.from({ length: 100 }, () => KIB * KIB)];
		const { wasted } = fill(rows, { limit: 1024, maxBytes: KIB * KIB });
		assert.ok(wasted <= 16 * KIB * KIB, `${small} small rows: ${wasted} bytes`);
	}
});

test("without a bound in bytes the limit alone ends a page", () => {
	const rows = Array.from({ length: 5000 }, () => 10);
	assert.equal(fill(rows, { limit: 70 }).pairs, 70);
	assert.deepEqual(fill(rows, { limit: 2500, keysOnly: true, maxBytes: 1 }).asked, [1000, 1000, 500]);
});

test("rows of no bytes are no reason to stop or to loop", () => {
	const rows = Array.from({ length: 100 }, () => 0);
	assert.equal(fill(rows, { limit: 60, maxBytes: 1 }).pairs, 60);
});
