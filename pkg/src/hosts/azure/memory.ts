import { copyBytes } from "../../common/bytes.js";
import type { Stored } from "./entity.js";

const MOST_ROWS = 1024;
/** Rows that are known to be there. */
const MOST_SEEN = 10_000;
/** Heads and leases are small; larger rows are not checked again and again. */
const LARGEST_VALUE = 4096;

/**
 * The ETags of rows that were read or written lately, with the values they stand for: a commit that checks one of these
 * values need not read the row again.
 */
export class Memory {
	readonly #rows = new Map<string, Stored>();
	/** Also those whose version is not known any more. */
	readonly #seen = new Set<string>();

	get(partition: string, row: string): Stored | undefined {
		return this.#rows.get(`${partition}/${row}`);
	}

	keep(partition: string, row: string, stored: Stored): void {
		const name = `${partition}/${row}`;
		this.#rows.delete(name);
		if (stored.value === undefined || stored.value.length > LARGEST_VALUE) return;
		this.#rows.set(name, { ...stored, value: copyBytes(stored.value) });
		dropOldest(this.#rows, MOST_ROWS);
		this.#seen.delete(name);
		this.#seen.add(name);
		dropOldest(this.#seen, MOST_SEEN);
	}

	/** Its version may be another one by now. */
	forget(partition: string, row: string): void {
		this.#rows.delete(`${partition}/${row}`);
	}

	/** Whether it was there when this was last known. */
	hasSeen(partition: string, row: string): boolean {
		return this.#seen.has(`${partition}/${row}`);
	}

	/** It is not there any more. */
	gone(partition: string, row: string): void {
		this.forget(partition, row);
		this.#seen.delete(`${partition}/${row}`);
	}
}

function dropOldest(
	all: { readonly size: number; keys(): Iterable<string>; delete(name: string): boolean },
	most: number,
): void {
	if (all.size <= most) return;
	for (const oldest of all.keys()) {
		all.delete(oldest);
		break;
	}
}
