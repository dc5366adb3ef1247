import { unlessAborted } from "../common/abort.js";
import type { Bytes } from "../common/bytes.js";
import { checkIterable, checkName, checkStep, isRecord, iteratorOf } from "../common/validate.js";
import { Yielder } from "../common/yielder.js";
import { invalid, isStreamkitError, limitExceeded, StreamkitError } from "../errors.js";
import { giveBack, takeWriter } from "../framing/frame-pool.js";
import { FrameWriter, type Mark } from "../framing/record-frame.js";
import { unheeded } from "../hosts/answers.js";
import type { ProduceOptions, RecordInput, SegmentStatus } from "../types.js";
import { checkWriteOptions, isReady, later, type WriteContext, type WriteOptions } from "./writes.js";

// Large enough that a commit's fixed cost vanishes, small enough that the next chunk is ready when it ends.
const CHUNK_BYTES = 1 << 20;

function append(
	{ slot }: WriteContext,
	space: string,
	segment: string,
	frame: Bytes,
	expected: number,
	{ signal, trxId, trxNumber, lease, durability }: WriteOptions,
): Promise<SegmentStatus> {
	return slot.write(
		(engine, call, tag) =>
			engine.append(space, segment, frame, expected, trxId, trxNumber, lease, durability, tag, call),
		statusOf(space, segment),
		signal,
	);
}

// Not within append: what is made there would keep the frame in memory until the answer comes.
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

// One writer for all one-record appends: the frame is taken over before append returns. While it is being filled, a
// caller's getter or proxy may publish as well: that gets another writer.
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
	/** Holds the records that are not stored yet; undefined once all are, and it was given back. */
	#writer: FrameWriter | undefined = takeWriter();
	#source: Iterator<RecordInput> | AsyncIterator<RecordInput> | undefined;
	readonly #asynchronous: boolean;
	#ended = false;
	/** Whether the input is known to be longer than one commit; then it is stored in chunks. */
	#long = false;
	/** Ends of chunks in the writer that are ready to be committed. */
	#cuts: Mark[] = [];
	/** Up to where the writer's records were handed to the engine. */
	#from: Mark = FrameWriter.START;
	/** The number of the next record, for messages. */
	#index = 0;
	/** The next chunk being filled while the one before it commits. */
	#filling: Promise<void> | undefined;
	#committed: SegmentStatus | undefined;
	#expected: number;
	readonly #yielder = new Yielder();

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
			throw withCommitted(error, this.#committed, this.#options.signal);
		}
	}

	async #next(): Promise<SegmentStatus | undefined> {
		const { slot } = this.#context;
		const { signal } = this.#options;
		const writer = this.#writer;
		if (writer === undefined) return undefined;
		// Never before the first chunk, which takes its place in the queue before the call returns.
		if (this.#committed !== undefined && this.#yielder.due(slot.hostWaits)) await this.#yielder.next();
		const filling = this.#filling ?? (this.#cuts.length === 0 ? this.#fill() : undefined);
		// Where there is nothing to wait for, the chunk is handed over before this returns. A source may be silent for
		// ever, so closing the store ends the wait for it; but not where it has ended, for then all of its records are
		// there.
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

	/** Whether a chunk is ready; not before it is known whether chunks are needed at all. */
	#full(): boolean {
		return this.#long && this.#cuts.length > 0;
	}

	/** Takes one record from the source, or its end. */
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
		const start = this.#cuts.at(-1) ?? this.#from;
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

/** What sources threw that says what was stored, and the details that it had of its own. */
const told = new WeakMap<object, PropertyDescriptor | undefined>();

/**
 * An error part-way says what was stored before it: one of ours in an error of this call's own, as several calls may be
 * told the same. What the source threw stays what it is, and has the details as well where it can carry them, and one
 * call alone threw it. The signal's reason belongs to everybody who has the signal: nothing is written on it.
 */
function withCommitted(error: unknown, committed: SegmentStatus | undefined, signal: AbortSignal | undefined): unknown {
	if (committed === undefined || error === signal?.reason) return error;
	if (isStreamkitError(error)) {
		const { code, message, details, retryable, cause = error } = error;
		return new StreamkitError(code, message, { details: { ...details, committed }, retryable, cause });
	}
	if (typeof error !== "object" || error === null) return error;
	const own = told.get(error);
	if (own !== undefined) Object.defineProperty(error, "details", own);
	else if (told.has(error)) Reflect.deleteProperty(error, "details");
	else tell(error, committed);
	return error;
}

/** Puts what was stored among an error's details, where that can be. */
function tell(error: object, committed: SegmentStatus): void {
	const { details = {} } = error as { details?: unknown };
	if (!isRecord(details)) return;
	const own = Object.getOwnPropertyDescriptor(error, "details");
	const value = { ...details, committed };
	if (Reflect.defineProperty(error, "details", { value, configurable: true })) told.set(error, own);
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
