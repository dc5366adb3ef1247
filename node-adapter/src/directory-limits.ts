import { type HostBatch, type HostLimits, StreamkitError } from "streamkit";
import { tooLarge } from "./errors.js";
import { MAX_KEY_BYTES, MAX_VALUE_BYTES } from "./lmdb-environment.js";

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

/** @throws LIMIT_EXCEEDED or INVALID_ARGUMENT for a key that LMDB must not see. */
export function requireKey(key: Uint8Array): void {
	if (key.length > MAX_KEY_BYTES) throw tooLarge("key bytes", MAX_KEY_BYTES, key.length);
	if (key.length === 0) throw new StreamkitError("INVALID_ARGUMENT", "key: must not be empty");
}

/** @throws LIMIT_EXCEEDED or INVALID_ARGUMENT for a batch beyond the limits. */
export function requireFits({ checks, deletes, puts }: HostBatch): void {
	const operations = deletes.length + puts.length;
	if (operations > DIRECTORY_LIMITS.maxBatchOps) {
		throw tooLarge("operations of a batch", DIRECTORY_LIMITS.maxBatchOps, operations);
	}
	let bytes = 0;
	for (const { key } of checks) requireKey(key);
	for (const key of deletes) {
		requireKey(key);
		bytes += key.length;
	}
	for (const { key, value } of puts) {
		requireKey(key);
		if (value.length > MAX_VALUE_BYTES) throw tooLarge("value bytes", MAX_VALUE_BYTES, value.length);
		bytes += key.length + value.length;
	}
	if (bytes > DIRECTORY_LIMITS.maxBatchBytes) {
		throw tooLarge("bytes of a batch", DIRECTORY_LIMITS.maxBatchBytes, bytes);
	}
}
