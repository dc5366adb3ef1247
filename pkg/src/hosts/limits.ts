import { limitExceeded, StreamkitError } from "../errors.js";
import type { HostBatch, HostLimits } from "../host.js";

/** Refuses a batch that is beyond the limits, before anything of it is applied. */
export function checkBatch(batch: HostBatch, limits: HostLimits): void {
	const { deletes, puts } = batch;
	const ops = deletes.length + puts.length;
	if (ops > limits.maxBatchOps) throw tooMuch("operations of one commit", limits.maxBatchOps, ops);
	let bytes = 0;
	for (const key of deletes) {
		if (key.length > limits.maxKeyBytes) throw tooMuch("key bytes", limits.maxKeyBytes, key.length);
		bytes += key.length;
	}
	for (const { key, value } of puts) {
		if (key.length > limits.maxKeyBytes) throw tooMuch("key bytes", limits.maxKeyBytes, key.length);
		if (value.length > limits.maxValueBytes) throw tooMuch("value bytes", limits.maxValueBytes, value.length);
		bytes += key.length + value.length;
	}
	if (bytes > limits.maxBatchBytes) throw tooMuch("bytes of one commit", limits.maxBatchBytes, bytes);
}

/** A LIMIT_EXCEEDED of a batch of which nothing is stored. */
export function tooMuch(what: string, limit: number, actual: number): StreamkitError {
	const { code, message, details } = limitExceeded(what, limit, actual);
	return new StreamkitError(code, message, { details: { ...details, applied: false } });
}
