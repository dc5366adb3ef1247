import type { ScanRange } from "../../host.js";

/** Keys, and values at the same positions; no values where only keys were asked for. */
export interface Pairs {
	readonly keys: readonly Uint8Array[];
	readonly values: readonly Uint8Array[];
}

// How many values one request may ask for: large rows after small ones must not become a burden.
const MOST_VALUES = 16;
const MOST_KEYS = 1000;
const GROWTH = 4;
// Below this size a row that is read for nothing costs little.
const SMALL_BYTES = 32 << 10;
// From this size on the browser takes longer for a value than for being asked for it.
const LARGE_BYTES = 256 << 10;

/**
 * Fills a page with pairs whose sizes are not known before they are read. Where bytes bound the page it asks for as
 * many as fit by the mean size that is expected. Without one it asks for one pair first, then for as many as fit by
 * the mean so far, but for no more than four times what it has. It may stop below maxBytes when the next row is likely
 * to be large and not to fit.
 */
export class Filling {
	readonly keys: Uint8Array[] = [];
	readonly values: Uint8Array[] = [];
	readonly #limit: number;
	readonly #maxBytes: number;
	readonly #most: number;
	readonly #expected: number | undefined;
	#bytes = 0;

	/** expected: bytes of a value, by what was met in such a range before. */
	constructor({ limit, maxBytes, keysOnly }: ScanRange, expected?: number) {
		this.#limit = limit;
		this.#expected = expected;
		this.#maxBytes = keysOnly === true ? Number.POSITIVE_INFINITY : (maxBytes ?? Number.POSITIVE_INFINITY);
		this.#most = keysOnly === true ? MOST_KEYS : MOST_VALUES;
	}

	/** Bytes of a value of the page in the mean; undefined: there is none. */
	get mean(): number | undefined {
		return this.values.length === 0 ? undefined : this.#bytes / this.values.length;
	}

	/** Whether values are likely to be large. */
	get areLarge(): boolean {
		return (this.mean ?? this.#expected ?? 0) >= LARGE_BYTES;
	}

	/** How many pairs to ask for next; 0: the page is full. */
	next(): number {
		const count = this.keys.length;
		const most = Math.min(this.#limit - count, this.#most);
		if (most === 0 || this.#maxBytes === Number.POSITIVE_INFINITY) return most;
		const mean = this.mean ?? this.#expected;
		if (mean === undefined) return 1;
		const fitting = mean === 0 ? most : Math.floor((this.#maxBytes - this.#bytes) / mean);
		if (count === 0) return Math.min(most, Math.max(fitting, 1));
		if (fitting < 1 && mean >= SMALL_BYTES) return 0;
		return Math.min(most, count * GROWTH, Math.max(fitting, 1));
	}

	/** Takes the pairs that fit; whether all of them did. */
	take({ keys, values }: Pairs): boolean {
		for (const [index, key] of keys.entries()) {
			const value = values[index];
			if (value !== undefined) {
				if (this.keys.length > 0 && this.#bytes + value.length > this.#maxBytes) return false;
				this.#bytes += value.length;
				this.values.push(value);
			}
			this.keys.push(key);
		}
		return true;
	}
}
