// A host that keeps all its rows in one item of a Web Storage, such as localStorage: for little data in one tab.
import { StreamkitError } from "streamkit";

const limits = {
	...{ maxKeyBytes: 1024, maxValueBytes: 1 << 18, maxBatchOps: 1000, maxBatchBytes: 1 << 20, blockBytes: 1 << 14 },
	...{ atomic: "store", checks: true, consistent: true, shared: false, compress: true },
};
// As hex, keys have the order of their bytes.
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const bytes = (text) =>
	Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));

function within(what, limit, actual) {
	const details = { what, limit, actual, applied: false };
	if (actual > limit) throw new StreamkitError("LIMIT_EXCEEDED", `${what}: at most ${limit}`, { details });
}

function checkLimits({ deletes, puts }) {
	const keys = [...deletes, ...puts.map(({ key }) => key)];
	const values = puts.map(({ value }) => value);
	for (const { length } of keys) within("key bytes", limits.maxKeyBytes, length);
	for (const { length } of values) within("value bytes", limits.maxValueBytes, length);
	within("operations of one commit", limits.maxBatchOps, keys.length);
	within(
		"bytes of one commit",
		limits.maxBatchBytes,
		[...keys, ...values].reduce((sum, { length }) => sum + length, 0),
	);
}

export function webStorageHost(storage, item) {
	let rows = new Map(JSON.parse(storage.getItem(item) ?? "[]"));
	const read = (key) => (rows.has(hex(key)) ? bytes(rows.get(hex(key))) : undefined);
	return {
		name: "web storage",
		limits,
		get: (keys) => keys.map(read),
		scan({ start, end, reverse, limit, maxBytes = Number.POSITIVE_INFINITY, keysOnly }) {
			const found = [...rows.keys()].filter((key) => key >= hex(start) && key < hex(end)).sort();
			const page = { keys: [], values: [], more: false };
			let size = 0;
			for (const key of reverse ? found.reverse() : found) {
				size += keysOnly ? 0 : rows.get(key).length / 2;
				page.more = page.keys.length === limit || (page.keys.length > 0 && size > maxBytes);
				if (page.more) break;
				page.keys.push(bytes(key));
				if (!keysOnly) page.values.push(bytes(rows.get(key)));
			}
			return page;
		},
		// Nothing is awaited, so nothing comes between the checks and the writing.
		commit(batch) {
			checkLimits(batch);
			for (const [check, { key, value }] of batch.checks.entries()) {
				if (rows.get(hex(key)) !== (value && hex(value))) return { applied: false, check, current: read(key) };
			}
			const next = new Map(rows);
			for (const key of batch.deletes) next.delete(hex(key));
			for (const { key, value } of batch.puts) next.set(hex(key), hex(value));
			try {
				storage.setItem(item, JSON.stringify([...next]));
			} catch (cause) {
				throw new StreamkitError("QUOTA_EXCEEDED", "the storage is full", { cause, details: { applied: false } });
			}
			rows = next;
			return { applied: true };
		},
	};
}
