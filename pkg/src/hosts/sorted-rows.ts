import type { Bytes } from "../common/bytes.js";

/** A stored pair; text is the key as a string of one character per byte, which orders and hashes natively. */
export interface Row {
	readonly text: string;
	readonly key: Bytes;
	value: Bytes;
}

const CHUNK = 512;

/** The key as a string whose order is that of the bytes. */
export function keyText(key: Uint8Array): string {
	let text = "";
	for (let i = 0; i < key.length; i++) text += String.fromCharCode(key[i] as number);
	return text;
}

/** Rows by key: a hash for single rows, and sorted chunks for ranges. Appending at the end of a range moves little. */
export class SortedRows {
	readonly #byKey = new Map<string, Row>();
	/** Sorted, none empty, each at most CHUNK rows. */
	readonly #chunks: Row[][] = [];

	get size(): number {
		return this.#byKey.size;
	}

	get(text: string): Row | undefined {
		return this.#byKey.get(text);
	}

	put(text: string, key: Bytes, value: Bytes): void {
		const present = this.#byKey.get(text);
		if (present !== undefined) {
			present.value = value;
			return;
		}
		const row: Row = { text, key, value };
		this.#byKey.set(text, row);
		if (this.#chunks.length === 0) {
			this.#chunks.push([row]);
			return;
		}
		const at = Math.max(0, this.#chunkOf(text));
		const chunk = this.#chunks[at] as Row[];
		const index = lowerBound(chunk, text);
		if (index === chunk.length) chunk.push(row);
		else chunk.splice(index, 0, row);
		if (chunk.length > CHUNK) {
			// Keys that arrive in order fill the first part; a split in the middle would leave every chunk half full.
			const cut = index === chunk.length - 1 ? chunk.length - 1 : chunk.length >> 1;
			this.#chunks.splice(at + 1, 0, chunk.splice(cut));
		}
	}

	delete(text: string): void {
		if (!this.#byKey.delete(text)) return;
		const at = this.#chunkOf(text);
		const chunk = this.#chunks[at] as Row[];
		chunk.splice(lowerBound(chunk, text), 1);
		if (chunk.length === 0) this.#chunks.splice(at, 1);
	}

	/** The last chunk whose first row is not above the key; -1 when all are above. */
	#chunkOf(text: string): number {
		let low = 0;
		let high = this.#chunks.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (((this.#chunks[middle] as Row[])[0] as Row).text <= text) low = middle + 1;
			else high = middle;
		}
		return low - 1;
	}

	/** Visits the rows of [start, end) in order, or downwards, until the visitor answers false. */
	range(start: string, end: string, reverse: boolean, visit: (row: Row) => boolean): void {
		const chunks = this.#chunks;
		if (start >= end || chunks.length === 0) return;
		if (!reverse) {
			let at = Math.max(0, this.#chunkOf(start));
			let index = lowerBound(chunks[at] as Row[], start);
			for (; at < chunks.length; at++, index = 0) {
				const chunk = chunks[at] as Row[];
				for (; index < chunk.length; index++) {
					const row = chunk[index] as Row;
					if (row.text >= end || !visit(row)) return;
				}
			}
			return;
		}
		let at = this.#chunkOf(end);
		if (at < 0) return;
		let index = lowerBound(chunks[at] as Row[], end) - 1;
		for (;;) {
			const chunk = chunks[at] as Row[];
			for (; index >= 0; index--) {
				const row = chunk[index] as Row;
				if (row.text < start || !visit(row)) return;
			}
			if (--at < 0) return;
			index = (chunks[at] as Row[]).length - 1;
		}
	}
}

/** The first row not below the key. */
function lowerBound(chunk: readonly Row[], text: string): number {
	let high = chunk.length;
	if (high > 0 && (chunk[high - 1] as Row).text < text) return high;
	let low = 0;
	while (low < high) {
		const middle = (low + high) >> 1;
		if ((chunk[middle] as Row).text < text) low = middle + 1;
		else high = middle;
	}
	return low;
}
