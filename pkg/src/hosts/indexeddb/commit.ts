import { type Bytes, copyBytes, sameBytes } from "../../common/bytes.js";
import type { HostBatch, HostCommit } from "../../host.js";
import { ConnectionLost, failure } from "./errors.js";
import { askFor } from "./get.js";
import { ROWS } from "./schema.js";
import { begin, onEnd } from "./transaction.js";

/** One transaction: all checks are asked at once, and the answer to the last one issues all writes. */
export function commitRows(db: IDBDatabase, batch: HostBatch): Promise<HostCommit> {
	const { checks, deletes, puts, durability } = batch;
	const writes = deletes.length + puts.length > 0;
	return new Promise((resolve, reject) => {
		const transaction = writes ? begin(db, "readwrite", durability) : begin(db, "readonly");
		const rows = transaction.objectStore(ROWS);
		let stage: "checking" | "writing" | "ended" = "checking";
		let thrown: unknown;

		const failed = (error: unknown): void => {
			thrown = error;
			transaction.abort();
		};

		const write = (): void => {
			if (stage === "ended") return;
			stage = "writing";
			try {
				for (const key of deletes) rows.delete(key);
				for (const { key, value } of puts) rows.put(alone(value), key);
				// Without it the browser commits once it has told of every write. Older ones know no other way.
				(transaction as { commit?: () => void }).commit?.();
			} catch (error) {
				failed(error);
			}
		};

		const aborted = (error: unknown): void => {
			const before = stage;
			stage = "ended";
			if (thrown !== undefined) reject(failure(thrown, db.name, "writing", false));
			else if (before === "checking") reject(new ConnectionLost("", { cause: error }));
			// An aborted transaction is undone; but one whose connection broke may have been past that point.
			else reject(failure(error, db.name, "writing", "unknown"));
		};
		onEnd(transaction, () => resolve({ applied: true }), aborted);

		let left = checks.length;
		for (const [check, { key, value }] of checks.entries()) {
			const answered = (current: Uint8Array | undefined): void => {
				if (sameBytes(current, value)) {
					left--;
					if (left === 0) write();
				} else {
					// Answers come in the order of the questions: this is the first check that fails.
					resolve({ applied: false, check, current });
					transaction.abort();
				}
			};
			askFor(rows, key, answered, failed);
		}
		if (left === 0) write();
	});
}

/** The value over a buffer of its own: a view is stored together with all that its buffer holds. */
function alone(value: Bytes): Bytes {
	return value.length === value.buffer.byteLength ? value : copyBytes(value);
}
