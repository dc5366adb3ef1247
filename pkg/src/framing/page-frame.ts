import { type Bytes, uuidText } from "../common/bytes.js";
import type { Trx } from "../types.js";
import { broken, checkU64, readU64 } from "./reader.js";

/** Bytes of a run's fields, before its entries; Page::encode in core says where each lies. */
export const RUN_FIELDS = 80;

/** The same of a run whose entries lie elsewhere, and where. */
export const LENT_FIELDS = RUN_FIELDS + 4;

/**
 * The bits of a tier that say that the entries of a run lie in an array of the host, and that this is the next array.
 */
const LENT = 2;
const NEXT_ARRAY = 4;

/**
 * The frame of a page, and where entries lie: in it, or in an array of the host. A run is known by where its fields
 * lie: in a page of many segments there are as many runs as entries, and an object for each would be as much to
 * collect again.
 */
export class PageFrame {
	/** What holds the entries. */
	readonly bytes: Bytes;
	readonly view: DataView;
	readonly space: string;
	readonly stream: boolean;
	readonly names: readonly string[];
	private readonly fieldBytes: Bytes;
	private readonly fields: DataView;
	/** The TRX that was asked for last, and the run that it was asked of. */
	private trx: Trx | undefined;
	private trxRun = -1;

	constructor(fields: Bytes, bytes: Bytes, space: string, names: readonly string[], stream: boolean) {
		this.bytes = bytes;
		this.view = viewOf(bytes);
		this.fieldBytes = fields;
		this.fields = fields === bytes ? this.view : viewOf(fields);
		this.space = space;
		this.names = names;
		this.stream = stream;
	}

	/** The same frame, with entries that lie in another array. */
	over(bytes: Bytes): PageFrame {
		return new PageFrame(this.fieldBytes, bytes, this.space, this.names, this.stream);
	}

	/** How many entries a run holds. */
	count(run: number): number {
		return this.fields.getUint32(run + 4, true);
	}

	/** Bytes of a run's entries. */
	size(run: number): number {
		return this.fields.getUint32(run + 8, true);
	}

	segment(run: number): string {
		return this.names[this.fields.getUint32(run, true)] as string;
	}

	tier(run: number): "hot" | "warm" {
		return (this.fields.getUint32(run + 12, true) & 1) === 1 ? "hot" : "warm";
	}

	/** Whether the entries of a run lie in an array of the host. */
	isLent(run: number): boolean {
		return (this.fields.getUint32(run + 12, true) & LENT) !== 0;
	}

	/** Whether that is another array than the one of the run before. */
	beginsArray(run: number): boolean {
		return (this.fields.getUint32(run + 12, true) & NEXT_ARRAY) !== 0;
	}

	/** Where the entries of such a run begin in that array. */
	lentAt(run: number): number {
		return this.fields.getUint32(run + RUN_FIELDS, true);
	}

	/** The sequence of a run's first entry. */
	sequence(run: number): number {
		return readU64(this.fields, run + 16);
	}

	ms(run: number): number {
		return readU64(this.fields, run + 24);
	}

	/** The number within the millisecond of a run's first entry. */
	n(run: number): number {
		return readU64(this.fields, run + 32);
	}

	trxOf(run: number): Trx {
		if (this.trx === undefined || this.trxRun !== run) {
			this.trx = Object.freeze({
				id: uuidText(this.fieldBytes, run + 40),
				node: uuidText(this.fieldBytes, run + 56),
				number: readU64(this.fields, run + 72),
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

	/**
	 * Checks a run once, so that its entries, from start on, can be read without checks later. Gives where the last
	 * lies.
	 */
	check(run: number, start: number): number {
		const { view, fields } = this;
		if (fields.getUint32(run, true) >= this.names.length) throw broken("a run names no segment");
		checkU64(fields, run + 16);
		checkU64(fields, run + 24);
		checkU64(fields, run + 32);
		checkU64(fields, run + 72);
		const end = start + this.size(run);
		if (end > view.byteLength) throw broken("a run leaves what holds it");
		let last = start;
		let at = start;
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

const viewOf = (bytes: Bytes): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
