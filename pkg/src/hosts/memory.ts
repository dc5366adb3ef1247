import { type Bytes, copyBytes, sameBytes } from "../common/bytes.js";
import { soon } from "../common/microtasks.js";
import { checkLimits, optionsObject } from "../common/validate.js";
import type { HostBatch, HostCommit, HostKv, HostLimits, ScanPage, ScanRange } from "../host.js";
import { checkBatch } from "./limits.js";
import { keyText, SortedRows } from "./sorted-rows.js";
import { watch } from "./watchers.js";

const LIMITS: HostLimits = {
	maxKeyBytes: 4096,
	maxValueBytes: 16 << 20,
	maxBatchOps: 100_000,
	maxBatchBytes: 64 << 20,
	blockBytes: 64 << 10,
	atomic: "store",
	checks: true,
	consistent: true,
	// One host may be opened twice, and each store then has to expect the other's writes.
	shared: true,
	compress: false,
};

class MemoryHost implements HostKv {
	readonly name = "memory";
	readonly limits: HostLimits;
	readonly #rows = new SortedRows();
	readonly #watchers = new Set<() => void>();
	#telling = false;

	constructor(limits: HostLimits) {
		this.limits = limits;
	}

	get(keys: readonly Bytes[]): (Uint8Array | undefined)[] {
		return keys.map((key) => copied(this.#rows.get(keyText(key))?.value));
	}

	scan({ start, end, reverse, limit, maxBytes, keysOnly }: ScanRange): ScanPage {
		const keys: Uint8Array[] = [];
		const values: Uint8Array[] = [];
		let more = false;
		let bytes = 0;
		this.#rows.range(keyText(start), keyText(end), reverse === true, ({ key, value }) => {
			bytes += keysOnly === true ? 0 : value.length;
			if (keys.length > 0 && (keys.length >= limit || (maxBytes !== undefined && bytes > maxBytes))) {
				more = true;
				return false;
			}
			keys.push(copyBytes(key));
			if (keysOnly !== true) values.push(copyBytes(value));
			return true;
		});
		return { keys, values, more };
	}

	commit(batch: HostBatch): HostCommit {
		const { checks, deletes, puts } = batch;
		checkBatch(batch, this.limits);
		if (this.limits.checks) {
			for (const [check, { key, value }] of checks.entries()) {
				const current = this.#rows.get(keyText(key))?.value;
				if (!sameBytes(current, value)) return { applied: false, check, current: copied(current) };
			}
		}
		for (const key of deletes) this.#rows.delete(keyText(key));
		for (const { key, value } of puts) this.#rows.put(keyText(key), kept(key), kept(value));
		return { applied: true };
	}

	watch(changed: () => void): () => void {
		return watch(this.#watchers, changed);
	}

	notify(): void {
		if (this.#telling || this.#watchers.size < 2) return;
		this.#telling = true;
		soon(() => {
			this.#telling = false;
			for (const watcher of [...this.#watchers]) watcher();
		});
	}
}

function copied(value: Uint8Array | undefined): Uint8Array | undefined {
	return value === undefined ? undefined : copyBytes(value);
}

/** What is given may be kept, but a small part would keep the whole batch in memory. */
function kept(bytes: Bytes): Bytes {
	return bytes.length * 2 < bytes.buffer.byteLength ? copyBytes(bytes) : bytes;
}

/**
 * A host in memory: what it holds lasts as long as the object does. One host may be opened several times, also at once.
 * limits: what to behave like instead, for tests; the sizes are enforced, and with checks: false none are made.
 */
export function memoryHost(options?: { limits?: { [L in keyof HostLimits]?: HostLimits[L] | undefined } }): HostKv {
	const given = Object.entries(optionsObject(optionsObject(options).limits, "limits"));
	const limits: unknown = { ...LIMITS, ...Object.fromEntries(given.filter(([, value]) => value !== undefined)) };
	checkLimits(limits, "limits");
	return new MemoryHost(Object.freeze(limits));
}
