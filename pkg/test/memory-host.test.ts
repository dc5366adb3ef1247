import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isStreamkitError } from "../src/errors.js";
import { memoryHost } from "../src/hosts/memory.js";
import { SortedRows } from "../src/hosts/sorted-rows.js";
import { hostConformance } from "../src/testing.js";
import { runner } from "./support/runner.js";

let current = memoryHost();
hostConformance(runner("memory"), {
	async open() {
		current = memoryHost();
		return current;
	},
	reopen: async () => current,
	second: async () => current,
});

hostConformance(runner("memory of single rows without checks"), {
	open: async () =>
		memoryHost({ limits: { atomic: "none", checks: false, maxValueBytes: 1 << 16, blockBytes: 1 << 12 } }),
});

hostConformance(runner("memory with small limits"), {
	open: async () =>
		memoryHost({
			limits: { maxKeyBytes: 400, maxValueBytes: 5000, blockBytes: 4096, maxBatchOps: 16, maxBatchBytes: 16_384 },
		}),
});

test("limits of a memory host: what is undefined is as usual, what is wrong is refused at once", () => {
	const { limits } = memoryHost();
	assert.deepEqual(memoryHost({ limits: { maxValueBytes: undefined, atomic: undefined } }).limits, limits);
	for (const [name, value] of Object.entries({ maxValueBytes: "1", blockBytes: 0, checks: 1, atomic: "all" })) {
		assert.throws(
			() => memoryHost({ limits: { [name]: value } }),
			(error) => isStreamkitError(error, "INVALID_ARGUMENT") && error.details["argument"] === `limits.${name}`,
		);
	}
});

test("sorted rows are a sorted map", () => {
	const key = fc.string({ maxLength: 3, unit: fc.constantFrom("a", "b", "c", "d") });
	const step = fc.oneof(
		fc.record({ kind: fc.constant("put" as const), key, value: fc.nat(255) }),
		fc.record({ kind: fc.constant("delete" as const), key }),
		fc.record({ kind: fc.constant("range" as const), start: key, end: key, reverse: fc.boolean(), limit: fc.nat(20) }),
	);
	fc.assert(
		fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
			const rows = new SortedRows();
			const model = new Map<string, number>();
			for (const one of steps) {
				if (one.kind === "put") {
					rows.put(one.key, new Uint8Array(0), new Uint8Array([one.value]));
					model.set(one.key, one.value);
				} else if (one.kind === "delete") {
					rows.delete(one.key);
					model.delete(one.key);
				} else {
					const found: string[] = [];
					rows.range(one.start, one.end, one.reverse, (row) => {
						if (found.length >= one.limit) return false;
						found.push(`${row.text}=${row.value[0]}`);
						return true;
					});
					const expected = [...model]
						.filter(([text]) => text >= one.start && text < one.end)
						.sort(([a], [b]) => (a < b ? -1 : 1));
					if (one.reverse) expected.reverse();
					assert.deepEqual(
						found,
						expected.slice(0, one.limit).map(([text, value]) => `${text}=${value}`),
					);
				}
			}
			assert.equal(rows.size, model.size);
		}),
	);
});

test("sorted rows keep their order over many chunks", () => {
	const rows = new SortedRows();
	const count = 5000;
	for (let i = 0; i < count; i++) {
		const text = String((i * 1237) % count).padStart(5, "0");
		rows.put(text, new Uint8Array(0), new Uint8Array(0));
	}
	for (let i = 0; i < count; i += 3) rows.delete(String(i).padStart(5, "0"));
	for (const reverse of [false, true]) {
		const found: string[] = [];
		rows.range("", "~", reverse, (row) => found.push(row.text) > 0);
		const sorted = [...found].sort();
		assert.deepEqual(found, reverse ? sorted.reverse() : sorted);
		assert.equal(found.length, rows.size);
	}
});

test("a notification reaches every watcher, later", async () => {
	const host = memoryHost();
	const heard: string[] = [];
	const stop = host.watch?.(() => heard.push("a"));
	host.watch?.(() => heard.push("b"));
	host.notify?.();
	assert.deepEqual(heard, []);
	await Promise.resolve();
	assert.deepEqual(heard, ["a", "b"]);
	stop?.();
});
