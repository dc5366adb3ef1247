import { type Bytes, toBase64, uuidText } from "../bytes.js";
import { invalid } from "../errors.js";
import type { LexKey } from "../lexkey.js";
import { segmentOffset, spaceOffset } from "../offsets.js";
import type { Entry, Trx } from "../types.js";
import { decodeUtf8, decodeUtf8Strict } from "../utf8.js";
import { broken, FrameReader, safeU64 } from "./reader.js";

const NIL = "00000000-0000-0000-0000-000000000000";
/** Bytes of a run's fields; of those of its TRX, which stand last: id, node, number. */
const RUN_FIELDS = 80;
const TRX_FIELDS = 40;
const NO_METADATA: Readonly<Record<string, string>> = Object.freeze({});

/** A page: entries, whether the read is over, and where it goes on. */
export interface Page {
	/** The read has reached its own upper bound. */
	readonly done: boolean;
	/** Nothing more is committed at present. */
	readonly tail: boolean;
	/** Segment reads: the next sequence. Space reads: ms of the last id passed. */
	readonly a: number;
	/** Space reads: n of the last id passed. */
	readonly b: number;
	/** How many entries it holds. */
	readonly count: number;
	/** The last of them. */
	readonly last: PageEntry | undefined;
	/** They are made as they are asked for: thousands that live together make the garbage collector grow its space. */
	readonly entries: Iterable<PageEntry>;
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
	readonly count: number;
	/** Where its first entry lies. */
	readonly start: number;
	// Plain, as those of PageEntry: a page of many segments has as many runs as entries.
	private known: Trx | undefined;

	/** Reads the run's fields, its segment's name being one of `names`, and passes over its entries. */
	constructor(reader: FrameReader, view: DataView, space: string, names: readonly string[], stream: boolean) {
		const at = reader.skip(RUN_FIELDS);
		this.bytes = reader.bytes;
		this.view = view;
		this.space = space;
		const segment = names[view.getUint32(at, true)];
		if (segment === undefined) throw broken("a run names no segment");
		this.segment = segment;
		this.count = view.getUint32(at + 4, true);
		this.tier = view.getUint32(at + 12, true) === 1 ? "hot" : "warm";
		this.stream = stream;
		this.sequence = safeU64(view, at + 16);
		this.ms = safeU64(view, at + 24);
		this.n = safeU64(view, at + 32);
		this.start = reader.skip(view.getUint32(at + 8, true));
		this.known = undefined;
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

	/** Checks every length once, so that entries can be read without checks later. Gives where the last one lies. */
	check(end: number): number {
		const { view, count } = this;
		let last = this.start;
		let at = last;
		for (let index = 0; index < count; index++) {
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

	get trx(): Trx {
		const at = this.start - TRX_FIELDS;
		this.known ??= Object.freeze({
			id: uuidText(this.bytes, at),
			node: uuidText(this.bytes, at + 16),
			number: safeU64(this.view, at + 32),
		});
		return this.known;
	}
}

/** An entry over the page it came with; everything but its place is made when first asked for. */
export class PageEntry implements Entry {
	// Plain fields: with #private ones pages are read at two thirds of the speed.
	private readonly run: Run;
	private readonly index: number;
	private readonly at: number;
	private content: Bytes | undefined;
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
		this.content ??= this.run.payload(this.at);
		return this.content;
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

/** Makes the entries of runs whose lengths are checked. */
class PageEntryIterator implements Iterator<PageEntry, undefined> {
	readonly #runs: readonly Run[];
	#run: Run | undefined;
	#nextRun = 0;
	#index = 0;
	#at = 0;

	constructor(runs: readonly Run[]) {
		this.#runs = runs;
	}

	next(): IteratorResult<PageEntry, undefined> {
		let run = this.#run;
		while (run === undefined || this.#index === run.count) {
			run = this.#runs[this.#nextRun++];
			if (run === undefined) return { done: true, value: undefined };
			this.#run = run;
			this.#index = 0;
			this.#at = run.start;
		}
		const value = new PageEntry(run, this.#index++, this.#at);
		this.#at = run.after(this.#at);
		return { done: false, value };
	}
}

/** Reads a page. */
export function readPage(bytes: Bytes, space: string, stream = false): Page {
	const reader = new FrameReader(bytes);
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const done = reader.u8() === 1;
	const tail = reader.u8() === 1;
	reader.skip(2);
	const names: string[] = [];
	for (let left = reader.u32(); left > 0; left--) names.push(reader.text());
	const a = reader.u64();
	const b = reader.u64();
	const runs: Run[] = [];
	let count = 0;
	let lastAt = 0;
	for (let left = reader.u32(); left > 0; left--) {
		const run = new Run(reader, view, space, names, stream);
		const at = run.check(reader.at);
		if (run.count === 0) continue;
		runs.push(run);
		count += run.count;
		lastAt = at;
	}
	const lastRun = runs.at(-1);
	const last = lastRun && new PageEntry(lastRun, lastRun.count - 1, lastAt);
	const entries = { [Symbol.iterator]: () => new PageEntryIterator(runs) };
	return { done, tail, a, b, count, last, entries };
}
