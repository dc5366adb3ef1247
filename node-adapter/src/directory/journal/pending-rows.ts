import type { Change } from "./format.js";

/** A row that is not in the database yet; without a value, it is deleted. */
export interface PendingRow {
	readonly key: Uint8Array;
	readonly value: Uint8Array | undefined;
}

// Up to here keys are put in their places one by one; from there on, sorting all is faster.
const FEW_KEYS = 32;

/** The rows of a journal by key, each as its latest record has it. */
export class PendingRows {
	readonly #rows = new Map<string, PendingRow>();
	/** The keys as text, in order, but for the last few. */
	readonly #order: string[] = [];
	/** How many are in order: commits ask for no order, and come in thousands between two reads. */
	#ordered = 0;

	get size(): number {
		return this.#rows.size;
	}

	/** The row of a key; undefined when the database has the say. */
	get(key: Uint8Array): PendingRow | undefined {
		return this.#rows.get(textOf(key));
	}

	/** Takes over a change. The arrays are kept. */
	apply({ deletes, puts }: Change): void {
		for (const key of deletes) this.#set(key, undefined);
		for (const { key, value } of puts) this.#set(key, value);
	}

	/** The rows of [start, end) in order, or downwards. They must not change meanwhile. */
	*range(start: Uint8Array, end: Uint8Array, reverse: boolean): Generator<PendingRow, undefined> {
		this.#sort();
		const first = this.#lowerBound(textOf(start));
		const last = this.#lowerBound(textOf(end)) - 1;
		const step = reverse ? -1 : 1;
		for (let at = reverse ? last : first; at >= first && at <= last; at += step) {
			yield this.#rows.get(this.#order[at] as string) as PendingRow;
		}
		return undefined;
	}

	/** Everything in it and a change after it, as one change. */
	with(change: Change): Change {
		if (this.size === 0) return change;
		const later = new Set<string>();
		for (const key of change.deletes) later.add(textOf(key));
		for (const { key } of change.puts) later.add(textOf(key));
		const deletes = [...change.deletes];
		const puts = [...change.puts];
		for (const [text, { key, value }] of this.#rows) {
			if (later.has(text)) continue;
			if (value === undefined) deletes.push(key);
			else puts.push({ key, value });
		}
		return { deletes, puts };
	}

	clear(): void {
		this.#rows.clear();
		this.#order.length = 0;
		this.#ordered = 0;
	}

	#set(key: Uint8Array, value: Uint8Array | undefined): void {
		const text = textOf(key);
		if (!this.#rows.has(text)) this.#order.push(text);
		this.#rows.set(text, { key, value });
	}

	/** Puts all keys in order. */
	#sort(): void {
		if (this.#order.length - this.#ordered > FEW_KEYS) {
			this.#order.sort();
		} else {
			for (const text of this.#order.splice(this.#ordered)) this.#order.splice(this.#lowerBound(text), 0, text);
		}
		this.#ordered = this.#order.length;
	}

	/** The place of the first key that is not below, where they are in order. */
	#lowerBound(text: string): number {
		let low = 0;
		let high = this.#order.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if ((this.#order[middle] as string) < text) low = middle + 1;
			else high = middle;
		}
		return low;
	}
}

/** A key as a string of one character a byte, which hashes, and orders as the bytes do. */
function textOf(key: Uint8Array): string {
	return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}
