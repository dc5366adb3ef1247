import { type Bytes, copyBytes, equalBytes } from "../../common/bytes.js";
import { StreamkitError } from "../../errors.js";
import type { HostKv } from "../../host.js";

// The first byte of a row of the journal; the rows of a durable one are read by later versions, so these stay.
const REMOVED = 0;
const WRITTEN = 1;
const DIGEST = 2;
const PUTTING = 3;
const REMOVING = 4;

/** Where the key of the latest write stands: all before it are finished. */
const LATEST = new Uint8Array([0]);
/** What the rows that the journal knows are under. */
const ROWS = 1;

/** Larger values are not kept once they are written: what is read back is compared with its digest. */
const KEPT_BYTES = 16 << 10;

/** What the writer knows of a row that it wrote. */
export type Known =
	| { readonly state: "removed" }
	| { readonly state: "value"; readonly value: Bytes }
	| { readonly state: "digest"; readonly digest: Bytes };

/** A write that is in the journal and may not have reached Workers KV. */
export interface Unfinished {
	readonly key: Bytes;
	/** undefined: it is to be removed. */
	readonly value: Bytes | undefined;
}

async function digestOf(value: Bytes): Promise<Bytes> {
	return new Uint8Array(await crypto.subtle.digest("SHA-256", value));
}

function row(kind: number, body: Uint8Array): Bytes {
	const bytes = new Uint8Array(1 + body.length);
	bytes[0] = kind;
	bytes.set(body, 1);
	return bytes;
}

function underRows(key: Uint8Array): Bytes {
	return row(ROWS, key);
}

function knownOf(stored: Uint8Array): Known {
	const body = copyBytes(stored.subarray(1));
	if (stored[0] === WRITTEN || stored[0] === PUTTING) return { state: "value", value: body };
	if (stored[0] === DIGEST) return { state: "digest", digest: body };
	return { state: "removed" };
}

/**
 * What the writer has written, so that it sees its own writes at once, which Workers KV does not promise. Every write
 * is here before it is there, and what may not have reached it is written again before anything else is.
 */
export class KvJournal {
	readonly #host: HostKv;

	constructor(host: HostKv) {
		this.#host = host;
	}

	/** The largest value that a row can hold. */
	get maxValueBytes(): number {
		return this.#host.limits.maxValueBytes - 1;
	}

	/** The longest key of a row. */
	get maxKeyBytes(): number {
		return this.#host.limits.maxKeyBytes - 1;
	}

	async find(keys: readonly Bytes[]): Promise<(Known | undefined)[]> {
		const rows = await this.#host.get(keys.map(underRows));
		return rows.map((stored) => (stored === undefined ? undefined : knownOf(stored)));
	}

	/** All that is known of a range, in order. */
	async *range(start: Bytes, end: Bytes): AsyncGenerator<{ key: Bytes; known: Known }> {
		let from = underRows(start);
		for (;;) {
			const page = await this.#host.scan({ start: from, end: underRows(end), limit: 256, maxBytes: 1 << 20 });
			for (const [i, key] of page.keys.entries())
				yield { key: copyBytes(key.subarray(1)), known: knownOf(page.values[i] as Uint8Array) };
			const last = page.keys[page.keys.length - 1];
			if (!page.more || last === undefined) return;
			from = new Uint8Array([...last, 0]);
		}
	}

	/** What an instance before this one may have left unfinished. */
	async unfinished(): Promise<Unfinished | undefined> {
		const [latest] = await this.#host.get([LATEST]);
		if (latest === undefined) return undefined;
		const key = copyBytes(latest);
		const [stored] = await this.#host.get([underRows(key)]);
		if (stored?.[0] === PUTTING) return { key, value: copyBytes(stored.subarray(1)) };
		return stored?.[0] === REMOVING ? { key, value: undefined } : undefined;
	}

	/** Before the write: it counts from here on, whatever becomes of this instance. The one before it must have ended. */
	async begin({ key, value }: Unfinished): Promise<void> {
		const stored = value === undefined ? row(REMOVING, new Uint8Array(0)) : row(PUTTING, value);
		await this.#put("strict", { key: LATEST, value: key }, { key: underRows(key), value: stored });
	}

	/** After it. Writing it once more does no harm, so losing this does none. */
	async end({ key, value }: Unfinished): Promise<void> {
		let stored: Bytes;
		if (value === undefined) stored = row(REMOVED, new Uint8Array(0));
		else if (value.length <= KEPT_BYTES) stored = row(WRITTEN, value);
		else stored = row(DIGEST, await digestOf(value));
		await this.#put("relaxed", { key: underRows(key), value: stored });
	}

	async #put(durability: "strict" | "relaxed", ...puts: { key: Bytes; value: Bytes }[]): Promise<void> {
		await this.#host.commit({ checks: [], deletes: [], puts, durability });
	}

	/** The value, if it is the one that was written; Workers KV may still show none, or an older one. */
	async confirm(digest: Bytes, value: Uint8Array | undefined): Promise<Uint8Array> {
		if (value !== undefined && equalBytes(await digestOf(copyBytes(value)), digest)) return value;
		throw new StreamkitError("UNAVAILABLE", 'host "workers-kv": a row that was written is not to be seen here yet', {
			details: { applied: false },
		});
	}
}
