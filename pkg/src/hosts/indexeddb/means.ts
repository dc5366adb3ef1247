import { toHex } from "../../common/bytes.js";
import type { ScanRange } from "../../host.js";

// A few reads at once, each of a range of its own.
const MOST_RANGES = 32;

/**
 * Bytes of a value in the mean, as the last page of a read met them: the next page asks for as many rows as are likely
 * to fit. A read that goes on in pages keeps one end of its range.
 */
export class Means {
	readonly #all = new Map<string, number>();

	of(range: ScanRange): number | undefined {
		return this.#all.get(nameOf(range));
	}

	note(range: ScanRange, mean: number | undefined): void {
		if (mean === undefined) return;
		const name = nameOf(range);
		this.#all.delete(name);
		this.#all.set(name, mean);
		const [oldest] = this.#all.keys();
		if (this.#all.size > MOST_RANGES && oldest !== undefined) this.#all.delete(oldest);
	}
}

const nameOf = ({ start, end, reverse }: ScanRange): string =>
	reverse === true ? `<${toHex(start)}` : `>${toHex(end)}`;
