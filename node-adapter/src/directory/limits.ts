import { types } from "node:util";
import { type HostBatch, type HostLimits, type ScanRange, StreamkitError } from "streamkit";
import { tooLarge } from "../errors.js";
import { MAX_KEY_BYTES, MAX_VALUE_BYTES } from "./lmdb/environment.js";

/** What this host can take and promises; see docs/durability.md for what was measured. */
export const DIRECTORY_LIMITS: HostLimits = Object.freeze({
	maxKeyBytes: MAX_KEY_BYTES,
	maxValueBytes: MAX_VALUE_BYTES,
	maxBatchOps: 100_000,
	maxBatchBytes: 64 * 1024 * 1024,
	// 25 pages of 4096 bytes, less the header that LMDB puts before a value of its own pages.
	blockBytes: 25 * 4096 - 24,
	atomic: "store",
	checks: true,
	consistent: true,
	shared: true,
	compress: false,
});

/** @throws INVALID_ARGUMENT for what is no bytes: LMDB would store it in a way of its own. */
function requireBytes(what: string, value: unknown): asserts value is Uint8Array {
	if (value instanceof Uint8Array || types.isUint8Array(value)) return;
	throw new StreamkitError("INVALID_ARGUMENT", `${what}: must be a Uint8Array`);
}

function requireArray(what: string, value: unknown): void {
	if (!Array.isArray(value)) throw new StreamkitError("INVALID_ARGUMENT", `${what}: must be an array`);
}

/** @throws LIMIT_EXCEEDED or INVALID_ARGUMENT for a key that LMDB must not see. */
function requireKey(key: unknown): asserts key is Uint8Array {
	requireBytes("key", key);
	if (key.length > MAX_KEY_BYTES) throw tooLarge("key bytes", MAX_KEY_BYTES, key.length);
	if (key.length === 0) throw new StreamkitError("INVALID_ARGUMENT", "key: must not be empty");
}

/** As requireKey, for several. */
export function requireKeys(keys: readonly Uint8Array[]): void {
	requireArray("keys", keys);
	for (const key of keys) requireKey(key);
}

/** @throws INVALID_ARGUMENT for a range without bounds. */
export function requireRange(range: ScanRange): void {
	const { start, end } = (range ?? {}) as Partial<ScanRange>;
	requireBytes("start", start);
	requireBytes("end", end);
}

/** @throws LIMIT_EXCEEDED or INVALID_ARGUMENT for a batch beyond the limits. */
export function requireFits(batch: HostBatch): void {
	const { checks, deletes, puts } = (batch ?? {}) as HostBatch;
	requireArray("checks", checks);
	requireArray("deletes", deletes);
	requireArray("puts", puts);
	const operations = deletes.length + puts.length;
	if (operations > DIRECTORY_LIMITS.maxBatchOps) {
		throw tooLarge("operations of a batch", DIRECTORY_LIMITS.maxBatchOps, operations);
	}
	let bytes = 0;
	for (const check of checks) {
		requireKey(check?.key);
		if (check.value !== undefined) requireBytes("value", check.value);
	}
	for (const key of deletes) {
		requireKey(key);
		bytes += key.length;
	}
	for (const put of puts) {
		const key = put?.key;
		requireKey(key);
		const { value } = put;
		requireBytes("value", value);
		if (value.length > MAX_VALUE_BYTES) throw tooLarge("value bytes", MAX_VALUE_BYTES, value.length);
		bytes += key.length + value.length;
	}
	if (bytes > DIRECTORY_LIMITS.maxBatchBytes) {
		throw tooLarge("bytes of a batch", DIRECTORY_LIMITS.maxBatchBytes, bytes);
	}
}
