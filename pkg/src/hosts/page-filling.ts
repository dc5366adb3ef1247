import type { ScanPage, ScanRange } from "../host.js";

/** A page of a scan while it is filled: with rows up to the limit and the bytes that are asked for, but at least one. */
export class PageFilling {
	readonly #keys: Uint8Array[] = [];
	readonly #values: Uint8Array[] = [];
	readonly #limit: number;
	readonly #maxBytes: number;
	#bytes = 0;

	constructor({ limit, maxBytes = Number.POSITIVE_INFINITY }: ScanRange) {
		this.#limit = limit;
		this.#maxBytes = maxBytes;
	}

	/** How many rows it has. */
	get count(): number {
		return this.#keys.length;
	}

	/** Whether the page has room for a row more, with a value of so many bytes. */
	fits(bytes: number): boolean {
		return this.count === 0 || (this.count < this.#limit && this.#bytes + bytes <= this.#maxBytes);
	}

	/** value: undefined where only keys are asked for. */
	add(key: Uint8Array, value: Uint8Array | undefined): void {
		this.#keys.push(key);
		if (value === undefined) return;
		this.#values.push(value);
		this.#bytes += value.length;
	}

	page(more: boolean): ScanPage {
		return { keys: this.#keys, values: this.#values, more };
	}
}
