import { type Bytes, toBase64, uuidText } from "../bytes.js";
import { invalid } from "../errors.js";
import type { LexKey } from "../lexkey.js";
import { segmentOffset, spaceOffset } from "../offsets.js";
import type { Entry, Trx } from "../types.js";
import { decodeUtf8, decodeUtf8Strict } from "../utf8.js";
import { broken, FrameReader } from "./reader.js";

const NIL = "00000000-0000-0000-0000-000000000000";
const NO_METADATA: Readonly<Record<string, string>> = Object.freeze({});

/** A decoded page: entries, whether the read is over, and where it goes on. */
export interface Page {
	/** The read has reached its own upper bound. */
	readonly done: boolean;
	/** Nothing more is committed at present. */
	readonly tail: boolean;
	/** Segment reads: the next sequence. Space reads: ms of the last id passed. */
	readonly a: number;
	/** Space reads: n of the last id passed. */
	readonly b: number;
	readonly entries: PageEntry[];
}

/** What the entries of one run share. */
class Run {
	readonly bytes: Bytes;
	readonly view: DataView;
	readonly space: string;
	readonly segment: string;
	readonly tier: "hot" | "warm";
	readonly stream: boolean;
	readonly sequence: number;
	readonly ms: number;
	readonly n: number;
	/** Where the TRX lies: id, node, number. */
	readonly #trxAt: number;
	readonly #trxNumber: number;
	#trx: Trx | undefined;

	constructor(reader: FrameReader, view: DataView, space: string, segment: string, tier: number, stream: boolean) {
		this.bytes = reader.bytes;
		this.view = view;
		this.space = space;
		this.segment = segment;
		this.tier = tier === 1 ? "hot" : "warm";
		this.stream = stream;
		this.sequence = reader.u64();
		this.ms = reader.u64();
		this.n = reader.u64();
		this.#trxAt = reader.skip(32);
		this.#trxNumber = reader.u64();
	}

	get trx(): Trx {
		this.#trx ??= Object.freeze({
			id: uuidText(this.bytes, this.#trxAt),
			node: uuidText(this.bytes, this.#trxAt + 16),
			number: this.#trxNumber,
		});
		return this.#trx;
	}
}

/** An entry over the page it came with; everything but its place is made when asked for. */
export class PageEntry implements Entry {
	// Plain fields: with #private ones pages are read at two thirds of the speed.
	private readonly run: Run;
	private readonly index: number;
	private readonly at: number;
	private parsed: Readonly<Record<string, string>> | undefined;

	/** at: where its payload length lies. */
	constructor(run: Run, index: number, at: number) {
		this.run = run;
		this.index = index;
		this.at = at;
	}

	get space(): string {
		return this.run.space;
	}

	get segment(): string {
		return this.run.segment;
	}

	get sequence(): number {
		return this.run.sequence + this.index;
	}

	get timestamp(): number {
		return this.run.ms;
	}

	/** The number within the millisecond: the second half of the id. */
	get n(): number {
		return this.run.n + this.index;
	}

	get id(): string {
		return `${this.run.ms}-${this.run.n + this.index}`;
	}

	get trx(): Trx {
		return this.run.trx;
	}

	get payload(): Bytes {
		const { bytes, view } = this.run;
		return new Uint8Array(bytes.buffer, bytes.byteOffset + this.at + 4, view.getUint32(this.at, true));
	}

	get metadata(): Readonly<Record<string, string>> {
		this.parsed ??= this.readMetadata();
		return this.parsed;
	}

	get tier(): "hot" | "warm" | "cold" {
		return this.run.tier;
	}

	get partition(): number | undefined {
		return this.run.stream ? partitionOf(this.run.segment) : undefined;
	}

	text(): string {
		const { bytes, view } = this.run;
		const start = this.at + 4;
		return decodeUtf8(bytes, start, start + view.getUint32(this.at, true));
	}

	json<T = unknown>(): T {
		return parseJson(this.text(), this) as T;
	}

	toJSON(): unknown {
		return entryToJson(this);
	}

	spaceOffset(): LexKey {
		return spaceOffset(this.space, this.timestamp, this.n);
	}

	segmentOffset(): LexKey {
		return segmentOffset(this.space, this.segment, this.sequence);
	}

	// What console.log shows in Node, where getters over private fields would print as an empty object.
	[Symbol.for("nodejs.util.inspect.custom")](): unknown {
		return this.toJSON();
	}

	private readMetadata(): Readonly<Record<string, string>> {
		const { bytes, view } = this.run;
		let at = this.at + 4 + view.getUint32(this.at, true);
		if (view.getUint32(at, true) === 0) return NO_METADATA;
		at += 4;
		const pairs = view.getUint32(at, true);
		at += 4;
		const metadata: Record<string, string> = {};
		for (let i = 0; i < pairs; i++) {
			const keyEnd = at + 4 + view.getUint32(at, true);
			const key = decodeUtf8(bytes, at + 4, keyEnd);
			const valueEnd = keyEnd + 4 + view.getUint32(keyEnd, true);
			const value = decodeUtf8(bytes, keyEnd + 4, valueEnd);
			at = valueEnd;
			// Assignment to this one key would set the prototype instead.
			if (key === "__proto__") Object.defineProperty(metadata, key, { value, enumerable: true });
			else metadata[key] = value;
		}
		return Object.freeze(metadata);
	}
}

function partitionOf(segment: string): number | undefined {
	if (!/^(?:0|[1-9][0-9]{0,15})$/.test(segment)) return undefined;
	const partition = Number(segment);
	return Number.isSafeInteger(partition) ? partition : undefined;
}

function parseJson(text: string, entry: Entry): unknown {
	try {
		return JSON.parse(text);
	} catch (error) {
		throw invalid("payload", `entry ${entry.id} of space "${entry.space}" does not hold JSON`, error);
	}
}

function entryToJson(entry: Entry): unknown {
	const text = decodeUtf8Strict(entry.payload);
	const { space, segment, sequence, timestamp, id, trx, metadata, tier, partition } = entry;
	return {
		space,
		segment,
		sequence,
		timestamp,
		id,
		trx,
		...(text !== undefined ? { payload: text } : { payloadBase64: toBase64(entry.payload) }),
		metadata,
		tier,
		...(partition !== undefined ? { partition } : {}),
	};
}

/** What peek gives for a segment without entries. */
export function emptyEntry(space: string, segment: string): Entry {
	const entry: Entry = {
		space,
		segment,
		sequence: 0,
		timestamp: 0,
		id: "0-0",
		trx: Object.freeze({ id: NIL, node: NIL, number: 0 }),
		payload: new Uint8Array(0),
		metadata: NO_METADATA,
		tier: "warm",
		partition: undefined,
		text: () => "",
		json: () => parseJson("", entry) as never,
		toJSON: () => entryToJson(entry),
		spaceOffset: () => spaceOffset(space, 0, 0),
		segmentOffset: () => segmentOffset(space, segment, 0),
	};
	return entry;
}

/** Decodes a page. Lengths are checked here once, so that entries can be read without checks later. */
export function readPage(bytes: Bytes, space: string, stream = false): Page {
	const reader = new FrameReader(bytes);
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const done = reader.u8() === 1;
	const tail = reader.u8() === 1;
	reader.skip(2);
	const names: string[] = [];
	for (let count = reader.u32(); count > 0; count--) names.push(reader.text());
	const a = reader.u64();
	const b = reader.u64();
	const entries: PageEntry[] = [];
	for (let runs = reader.u32(); runs > 0; runs--) {
		const name = names[reader.u32()];
		if (name === undefined) throw broken("a run names no segment");
		const count = reader.u32();
		const size = reader.u32();
		const run = new Run(reader, view, space, name, reader.u32(), stream);
		let at = reader.skip(size);
		const end = at + size;
		for (let index = 0; index < count; index++) {
			// Both lengths are below 2^32, so these sums cannot go wrong.
			const metadataAt = at + 8 <= end ? at + 4 + view.getUint32(at, true) : end;
			if (metadataAt + 4 > end) throw broken("an entry leaves its run");
			const next = metadataAt + 4 + view.getUint32(metadataAt, true);
			if (next > end) throw broken("an entry leaves its run");
			entries.push(new PageEntry(run, index, at));
			at = next;
		}
		if (at !== end) throw broken("a run holds more than its entries");
	}
	return { done, tail, a, b, entries };
}
