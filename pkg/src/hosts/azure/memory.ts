import { copyBytes } from "../../bytes.js";
import type { Stored } from "./entity.js";

const MOST_ROWS = 1024;
/** Heads and leases are small; larger rows are not checked again and again. */
const LARGEST_VALUE = 4096;

/**
 * The ETags of rows that were read or written lately, with the values they stand for: a commit that checks one of these
 * values need not read the row again.
 */
export class Memory {
	readonly #rows = new Map<string, Stored>();

	get(partition: string, row: string): Stored | undefined {
		return this.#rows.get(`${partition}/${row}`);
	}

	keep(partition: string, row: string, stored: Stored): void {
		const name = `${partition}/${row}`;
		this.#rows.delete(name);
		if (stored.value === undefined || stored.value.length > LARGEST_VALUE) return;
		this.#rows.set(name, { ...stored, value: copyBytes(stored.value) });
		if (this.#rows.size <= MOST_ROWS) return;
		for (const oldest of this.#rows.keys()) {
			this.#rows.delete(oldest);
			break;
		}
	}

	forget(partition: string, row: string): void {
		this.#rows.delete(`${partition}/${row}`);
	}
}
