import { unlessAborted } from "./abort.js";
import type { Bytes } from "./bytes.js";
import type { EngineLease } from "./engine/abi.js";
import type { EngineSlot } from "./engine/instance.js";
import { fromEngine, invalid, isStreamkitError, limitExceeded, StreamkitError } from "./errors.js";
import { readStatus } from "./framing/answers.js";
import { giveBack, takeWriter } from "./framing/frame-pool.js";
import { FrameWriter, type Mark, transactFrame } from "./framing/record-frame.js";
import { unheeded } from "./host-answers.js";
import type { Store } from "./store-types.js";
import { Turns } from "./turns.js";
import type { ProduceOptions, RecordInput, SegmentStatus } from "./types.js";
import { encodeUtf8 } from "./utf8.js";
import {
	checkIterable,
	checkName,
	checkSignal,
	checkStep,
	itemsOf,
	iteratorOf,
	optionalDurability,
	optionalInteger,
	optionalLease,
	optionalTrx,
	optionsObject,
} from "./validate.js";

// Large enough that a commit's fixed cost vanishes, small enough that the next chunk is ready when it ends.
const CHUNK_BYTES = 1 << 20;

/** What writers need of their store. */
export interface WriteContext {
	readonly slot: EngineSlot;
	readonly limits: Store["limits"];
}

/** Options of a write, checked. */
export interface WriteOptions {
	readonly signal: AbortSignal | undefined;
	/** -1: none. */
	readonly expected: number;
	readonly trxId: string | undefined;
	readonly trxNumber: number;
	readonly lease: EngineLease | undefined;
	readonly durability: number;
}

const PLAIN: WriteOptions = Object.freeze({
	signal: undefined,
	expected: -1,
	trxId: undefined,
	trxNumber: 0,
	lease: undefined,
	durability: 0,
});

/** Checks what all writes have in common. */
export function checkWriteOptions(input: ProduceOptions | undefined): WriteOptions {
	if (input === undefined) return PLAIN;
	const options = optionsObject(input);
	const trx = optionalTrx(options.trx);
	const durability = optionalDurability(options.durability);
	return {
		signal: checkSignal(options.signal),
		// The sequence after it must be a safe integer too.
		expected: optionalInteger("expectedSequence", options.expectedSequence, 0, -1, Number.MAX_SAFE_INTEGER - 1),
		trxId: trx?.id,
		trxNumber: trx?.number ?? 0,
		lease: optionalLease(options.lease),
		durability: durability === undefined ? 0 : durability === "strict" ? 1 : 2,
	};
}

/** Whether a write can be made at once. The light engine knows no leases. */
function isReady(slot: EngineSlot, { lease }: WriteOptions): boolean {
	return slot.takesWrites(lease !== undefined);
}

/** Makes a write that has to wait for an engine. */
function later<T>(slot: EngineSlot, { lease, signal }: WriteOptions, write: () => T | Promise<T>): Promise<T> {
	return slot.inLine(lease !== undefined, write, signal);
}

function append(
	{ slot }: WriteContext,
	space: string,
	segment: string,
	frame: Bytes,
	expected: number,
	{ signal, trxId, trxNumber, lease, durability }: WriteOptions,
): Promise<SegmentStatus> {
	return slot.write(
		(engine, call, ticket) =>
			engine.append(space, segment, frame, expected, trxId, trxNumber, lease, durability, ticket, call),
		statusOf(space, segment),
		signal,
	);
}

// Apart from the call, whose frame the answer does not need any more.
function statusOf(space: string, segment: string) {
	return (firstSequence: number, firstTimestamp: number, lastSequence: number, lastTimestamp: number) => ({
		space,
		segment,
		firstSequence,
		firstTimestamp,
		lastSequence,
		lastTimestamp,
	});
}

// One writer for all one-record appends: the frame is taken over before append returns. What a caller's getters and
// proxies publish while it is filled gets another.
let single: FrameWriter | undefined = new FrameWriter();

/** Appends one record. */
export function publish(
	context: WriteContext,
	space: string,
	segment: string,
	payload: Uint8Array | string,
	options?: ProduceOptions & { metadata?: Readonly<Record<string, string>> | undefined },
): Promise<SegmentStatus> {
	const writer = single ?? new FrameWriter();
	single = undefined;
	try {
		checkName("space", space);
		checkName("segment", segment);
		const checked = checkWriteOptions(options);
		writer.reset();
		writer.add(payload, options?.metadata, undefined, context.limits.maxRecordBytes, -1);
		const start = (frame: Bytes) => append(context, space, segment, frame, checked.expected, checked);
		if (isReady(context.slot, checked)) return start(writer.finish());
		const frame = writer.finish().slice();
		return later(context.slot, checked, () => start(frame));
	} catch (error) {
		return Promise.reject(error);
	} finally {
		single = writer;
	}
}

/** What the engine has been given, and how many records that is. */
interface Handed {
	readonly answer: Promise<SegmentStatus>;
	readonly count: number;
}

/** An append of any length: gives one status per commit. */
export class Production {
	readonly #context: WriteContext;
	readonly #space: string;
	readonly #segment: string;
	readonly #options: WriteOptions;
	/** Given back once all is stored. */
	#writer: FrameWriter | undefined = takeWriter();
	#source: Iterator<RecordInput> | AsyncIterator<RecordInput> | undefined;
	readonly #asynchronous: boolean;
	#ended = false;
	/** Whether it is settled that the input is longer than one commit. */
	#long = false;
	/** Ends of chunks in the writer that are ready to be committed. */
	#cuts: Mark[] = [];
	#from: Mark = FrameWriter.START;
	#index = 0;
	#filling: Promise<void> | undefined;
	#committed: SegmentStatus | undefined;
	#expected: number;
	readonly #turns = new Turns();

	constructor(
		context: WriteContext,
		space: string,
		segment: string,
		records: Iterable<RecordInput> | AsyncIterable<RecordInput>,
		options: ProduceOptions | undefined,
	) {
		checkName("space", space);
		checkName("segment", segment);
		checkIterable("records", records);
		this.#options = checkWriteOptions(options);
		this.#context = context;
		this.#space = space;
		this.#segment = segment;
		this.#expected = this.#options.expected;
		const asynchronous = (records as AsyncIterable<RecordInput>)[Symbol.asyncIterator];
		this.#asynchronous = typeof asynchronous === "function";
		this.#source = iteratorOf("records", records);
	}

	/** Commits the next chunk; undefined when all is stored. */
	async next(): Promise<SegmentStatus | undefined> {
		try {
			return await this.#next();
		} catch (error) {
			this.close();
			throw withCommitted(error, this.#committed);
		}
	}

	async #next(): Promise<SegmentStatus | undefined> {
		const { slot } = this.#context;
		const { signal } = this.#options;
		const writer = this.#writer;
		if (writer === undefined) return undefined;
		// Never before the first chunk, which takes its place in the queue before the call returns.
		if (this.#committed !== undefined && this.#turns.due(slot.hostWaits)) await this.#turns.next();
		const filling = this.#filling ?? (this.#cuts.length === 0 ? this.#fill() : undefined);
		// What is there already is handed over at once.
		// A source may be silent for ever; one that has ended is taken to have, whenever the store closes.
		if (filling !== undefined) await (this.#ended ? filling : slot.unlessClosed(filling));
		this.#filling = undefined;
		// Before anything that may refuse: what is stored to the end is not undone by a signal or a close that came late.
		if (this.#committed !== undefined && this.#isStored(writer)) {
			this.#writer = undefined;
			giveBack(writer);
			return undefined;
		}
		if (signal?.aborted === true) throw signal.reason;
		const hand = (): Handed => this.#hand(writer);
		const handed = isReady(slot, this.#options) ? hand() : await later(slot, this.#options, hand);
		this.#committed = await handed.answer;
		if (this.#expected >= 0) this.#expected += handed.count;
		return this.#committed;
	}

	/** Whether the source has ended and the engine has been given all of it. */
	#isStored(writer: FrameWriter): boolean {
		return this.#ended && this.#cuts.length === 0 && writer.count === this.#from.count;
	}

	/** Hands the next chunk to the engine. */
	#hand(writer: FrameWriter): Handed {
		const cut = this.#cuts.shift();
		let frame: Bytes;
		let count: number;
		if (cut !== undefined) {
			frame = writer.cut(this.#from, cut);
			count = cut.count - this.#from.count;
			this.#from = cut;
		} else {
			const all = writer.mark();
			count = all.count - this.#from.count;
			if (count === 0) throw invalid("records", "must hold at least one record");
			frame = writer.cut(this.#from, all);
			this.#from = all;
		}
		const answer = append(this.#context, this.#space, this.#segment, frame, this.#expected, this.#options);
		// The engine has taken the frame over: the next chunk can be made while this one commits.
		if (this.#cuts.length === 0) {
			writer.discard(this.#from);
			this.#from = FrameWriter.START;
			if (!this.#ended) {
				this.#filling = (async () => this.#fill())();
				this.#filling.catch(() => {});
			}
		}
		return { answer, count };
	}

	/**
	 * Takes records until a chunk is full or the source ends; at first until it is known whether all fits one commit.
	 * Gives a promise where the source does.
	 */
	#fill(): Promise<void> | undefined {
		if (this.#asynchronous) return this.#fillLater();
		while (!this.#ended && !this.#full()) this.#take((this.#source as Iterator<RecordInput>).next());
		return undefined;
	}

	async #fillLater(): Promise<void> {
		while (!this.#ended && !this.#full()) {
			const next = Promise.resolve((this.#source as AsyncIterator<RecordInput>).next());
			const step = await unlessAborted(next, this.#options.signal);
			if (!this.#ended) this.#take(step);
		}
	}

	#full(): boolean {
		return this.#long && this.#cuts.length > 0;
	}

	#take(step: IteratorResult<RecordInput, unknown>): void {
		if (checkStep("records", step).done === true) {
			this.#ended = true;
			this.#source = undefined;
			// What fits one commit is stored as one, however many chunks it would make.
			if (!this.#long) this.#cuts = [];
			return;
		}
		const { limits } = this.#context;
		const writer = this.#writer;
		if (writer === undefined) return;
		const index = this.#index++;
		const record: unknown = step.value;
		if (typeof record !== "object" || record === null)
			throw invalid(`records[${index}]`, "must be an object {payload, metadata?, sequence?}");
		const { payload, metadata, sequence } = record as RecordInput;
		if (sequence !== undefined && this.#options.expected >= 0) {
			throw invalid(`records[${index}].sequence`, "must not be given together with expectedSequence");
		}
		const before = writer.mark();
		writer.add(payload, metadata, sequence, limits.maxRecordBytes, index);
		const start = this.#cuts[this.#cuts.length - 1] ?? this.#from;
		const target = Math.min(CHUNK_BYTES, limits.maxCommitBytes);
		if (
			before.count > start.count &&
			(writer.size(start) > target || writer.count - start.count > limits.maxCommitRecords)
		) {
			this.#cuts.push(before);
		}
		if (!this.#long && (writer.size() > limits.maxCommitBytes || writer.count > limits.maxCommitRecords)) {
			if (this.#options.trxId !== undefined) {
				if (writer.count > limits.maxCommitRecords)
					throw limitExceeded("records of one TRX", limits.maxCommitRecords, writer.count);
				throw limitExceeded("bytes of one TRX", limits.maxCommitBytes, writer.size());
			}
			this.#long = true;
		}
	}

	/** Closes the source; what is under way is left to end by itself. */
	close(): void {
		const source = this.#source;
		this.#source = undefined;
		this.#ended = true;
		if (source === undefined) return;
		try {
			// A source that is waiting for its next record answers only then; nobody waits for it.
			unheeded(source.return?.());
		} catch {
			// The error that brought us here is the one to report.
		}
	}
}

/** An error part-way says what was stored before it. */
function withCommitted(error: unknown, committed: SegmentStatus | undefined): unknown {
	if (committed === undefined) return error;
	if (isStreamkitError(error)) {
		const { code, message, details, retryable } = error;
		return new StreamkitError(code, message, {
			details: { ...details, committed },
			retryable,
			cause: error.cause ?? error,
		});
	}
	// What the source threw stays what it is; where it can carry the details as well, it does.
	if (
		error instanceof Error &&
		!("details" in error) &&
		Object.isExtensible(error) &&
		!(error instanceof DOMException)
	) {
		Object.defineProperty(error, "details", { value: { committed }, configurable: true });
	}
	return error;
}

/** Appends all records; the last status. */
export async function produce(
	context: WriteContext,
	space: string,
	segment: string,
	records: Iterable<RecordInput> | AsyncIterable<RecordInput>,
	options: ProduceOptions | undefined,
): Promise<SegmentStatus> {
	const production = new Production(context, space, segment, records, options);
	let last: SegmentStatus | undefined;
	for (;;) {
		const status = await production.next();
		if (status === undefined) return last as SegmentStatus;
		last = status;
	}
}

/** Appends all records; each status as its chunk commits. */
export function produceStream(make: () => Promise<Production>): AsyncIterable<SegmentStatus> {
	return {
		async *[Symbol.asyncIterator]() {
			const production = await make();
			try {
				for (;;) {
					const status = await production.next();
					if (status === undefined) return;
					yield status;
				}
			} finally {
				production.close();
			}
		},
	};
}

/** One write of transact as given. */
export interface TransactWrite {
	space: string;
	segment: string;
	records: Iterable<RecordInput>;
}

/** Appends to any number of segments and spaces, all or nothing. */
export async function transact(
	{ slot, limits }: WriteContext,
	writes: Iterable<TransactWrite>,
	input: Omit<ProduceOptions, "expectedSequence"> | undefined,
): Promise<SegmentStatus[]> {
	const options = checkWriteOptions(input);
	if (options.expected >= 0) throw invalid("expectedSequence", "transact takes record.sequence instead");
	if (typeof writes !== "object" || writes === null || typeof writes[Symbol.iterator] !== "function") {
		throw invalid("writes", "must be an iterable of {space, segment, records}");
	}
	const targets: { space: string; segment: string }[] = [];
	const frames: { space: Bytes; segment: Bytes; frame: Bytes }[] = [];
	const totals = new Map<string, { bytes: number; records: number }>();
	const writer = new FrameWriter();
	for (const write of itemsOf("writes", writes)) {
		const at = `writes[${targets.length}]`;
		if (typeof write !== "object" || write === null) throw invalid(at, "must be an object {space, segment, records}");
		const { space, segment, records } = write;
		checkName(`${at}.space`, space);
		checkName(`${at}.segment`, segment);
		if (typeof records !== "object" || records === null || typeof records[Symbol.iterator] !== "function") {
			throw invalid(`${at}.records`, "must be an iterable");
		}
		writer.reset();
		let total = totals.get(space);
		if (total === undefined) {
			total = { bytes: 0, records: 0 };
			totals.set(space, total);
		}
		for (const record of itemsOf(`${at}.records`, records)) {
			if (typeof record !== "object" || record === null) {
				throw invalid(`${at}.records[${writer.count}]`, "must be an object {payload, metadata?, sequence?}");
			}
			try {
				writer.add(record.payload, record.metadata, record.sequence, limits.maxRecordBytes, writer.count);
			} catch (error) {
				throw inWrite(error, at);
			}
			if (total.records + writer.count > limits.maxCommitRecords) {
				throw limitExceeded(
					`records in space ${JSON.stringify(space)}`,
					limits.maxCommitRecords,
					total.records + writer.count,
				);
			}
			if (total.bytes + writer.size() > limits.maxCommitBytes) {
				throw limitExceeded(
					`bytes in space ${JSON.stringify(space)}`,
					limits.maxCommitBytes,
					total.bytes + writer.size(),
				);
			}
		}
		if (writer.count === 0) throw invalid(`${at}.records`, "must hold at least one record");
		total.bytes += writer.size();
		total.records += writer.count;
		targets.push({ space, segment });
		frames.push({ space: encodeUtf8(space), segment: encodeUtf8(segment), frame: writer.finish().slice() });
	}
	if (targets.length === 0) throw invalid("writes", "must hold at least one write");
	const { signal, trxId, trxNumber, lease, durability } = options;
	const frame = transactFrame(frames);
	const ticket = signal === undefined ? 0 : slot.ticket();
	const hand = (): Promise<Float64Array> =>
		slot.run("write", (engine) => engine.transact(frame, trxId, trxNumber, lease, durability, ticket), signal, ticket);
	const numbers = await (isReady(slot, options) ? hand() : later(slot, options, hand));
	return targets.map(({ space, segment }, i) => readStatus(numbers, space, segment, 4 * i));
}

function inWrite(error: unknown, at: string): unknown {
	if (!isStreamkitError(error, "INVALID_ARGUMENT")) return error;
	return fromEngine({ code: error.code, message: `${at}.${error.message}`, details: error.details });
}
