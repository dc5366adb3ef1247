import { type Bytes, uuidText } from "../bytes.js";
import type { Trx } from "../types.js";
import { broken, checkU64, readU64 } from "./reader.js";

/** Bytes of a run's fields, before its entries; Page::encode in core says where each lies. */
export const RUN_FIELDS = 80;

/**
 * The frame of a page. A run is known by where its fields lie: in a page of many segments there are as many runs as
 * entries, and an object for each would be as much to collect again.
 */
export class PageFrame {
	readonly bytes: Bytes;
	readonly view: DataView;
	readonly space: string;
	readonly stream: boolean;
	readonly names: readonly string[];
	/** The TRX that was asked for last, and the run that it was asked of. */
	private trx: Trx | undefined;
	private trxRun = -1;

	constructor(bytes: Bytes, space: string, names: readonly string[], stream: boolean) {
		this.bytes = bytes;
		this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
		this.space = space;
		this.names = names;
		this.stream = stream;
	}

	/** How many entries a run holds. */
	count(run: number): number {
		return this.view.getUint32(run + 4, true);
	}

	/** Bytes of a run's entries. */
	size(run: number): number {
		return this.view.getUint32(run + 8, true);
	}

	segment(run: number): string {
		return this.names[this.view.getUint32(run, true)] as string;
	}

	tier(run: number): "hot" | "warm" {
		return this.view.getUint32(run + 12, true) === 1 ? "hot" : "warm";
	}

	/** The sequence of a run's first entry. */
	sequence(run: number): number {
		return readU64(this.view, run + 16);
	}

	ms(run: number): number {
		return readU64(this.view, run + 24);
	}

	/** The number within the millisecond of a run's first entry. */
	n(run: number): number {
		return readU64(this.view, run + 32);
	}

	trxOf(run: number): Trx {
		if (this.trx === undefined || this.trxRun !== run) {
			this.trx = Object.freeze({
				id: uuidText(this.bytes, run + 40),
				node: uuidText(this.bytes, run + 56),
				number: readU64(this.view, run + 72),
			});
			this.trxRun = run;
		}
		return this.trx;
	}

	/** Where the entry after the one at `at` lies. */
	after(at: number): number {
		const metadataAt = at + 4 + this.view.getUint32(at, true);
		return metadataAt + 4 + this.view.getUint32(metadataAt, true);
	}

	/** The payload of the entry at `at`. */
	payload(at: number): Bytes {
		const { bytes, view } = this;
		return new Uint8Array(bytes.buffer, bytes.byteOffset + at + 4, view.getUint32(at, true));
	}

	/** Checks a run once, so that its entries can be read without checks later. Gives where the last one lies. */
	check(run: number): number {
		const { view } = this;
		if (view.getUint32(run, true) >= this.names.length) throw broken("a run names no segment");
		checkU64(view, run + 16);
		checkU64(view, run + 24);
		checkU64(view, run + 32);
		checkU64(view, run + 72);
		const end = run + RUN_FIELDS + this.size(run);
		let last = run + RUN_FIELDS;
		let at = last;
		for (let left = this.count(run); left > 0; left--) {
			last = at;
			// Both lengths are below 2^32, so these sums cannot go wrong.
			const metadataAt = at + 8 <= end ? at + 4 + view.getUint32(at, true) : end;
			if (metadataAt + 4 > end) throw broken("an entry leaves its run");
			at = metadataAt + 4 + view.getUint32(metadataAt, true);
			if (at > end) throw broken("an entry leaves its run");
		}
		if (at !== end) throw broken("a run holds more than its entries");
		return last;
	}
}
