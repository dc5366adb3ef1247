import { unlessAborted } from "../common/abort.js";
import type { Bytes } from "../common/bytes.js";
import { checkHost, checkName, checkOpenOptions, checkSignal, optionsObject } from "../common/validate.js";
import { EngineSlot } from "../engine/slot.js";
import { closedError } from "../errors.js";
import { readStatus } from "../framing/answers.js";
import { emptyEntry, readPage } from "../framing/page.js";
import type { Health, HostKv } from "../host.js";
import { hostCall, readHealth } from "../hosts/answers.js";
import { consume, consumeSegment, consumeSpace } from "../reading/consume.js";
import { StoreStreams } from "../streams/streams.js";
import type { Streams } from "../streams/types.js";
import type {
	Abortable,
	CompactReport,
	Consume,
	ConsumeSegment,
	ConsumeSpace,
	Entry,
	EntryStream,
	Lease,
	ListOptions,
	MaybePromise,
	OpenOptions,
	ProduceOptions,
	RecordInput,
	SegmentStatus,
	StatusHandler,
	SubscribeOptions,
	Subscription,
	VerifyReport,
} from "../types.js";
import { Production, produce, produceStream, publish } from "../writing/produce.js";
import { type TransactWrite, transact } from "../writing/transact.js";
import type { WriteContext } from "../writing/writes.js";
import type { LeaseOptions } from "./leases.js";
import { getSegments, getSpaces } from "./listing.js";
import type { ProgressOptions, TransferOptions } from "./maintenance.js";
import { subscribe } from "./subscriptions.js";
import type { Store } from "./types.js";
import { withCalls } from "./with-calls.js";

// Runtimes that lack the symbol ignore a method under another one.
const ASYNC_DISPOSE: typeof Symbol.asyncDispose =
	Symbol.asyncDispose ?? (Symbol.for("Symbol.asyncDispose") as typeof Symbol.asyncDispose);

class EngineStore implements Store {
	readonly id: string;
	readonly limits: Store["limits"];
	readonly #slot: EngineSlot;
	readonly #writes: WriteContext;
	#streams: Streams | undefined;

	constructor(slot: EngineSlot) {
		this.#slot = slot;
		this.id = slot.now((engine) => engine.id());
		const { maxRecordBytes, maxCommitBytes, maxCommitRecords } = slot.now((engine) => engine.limits());
		this.limits = Object.freeze({ maxRecordBytes, maxCommitBytes, maxCommitRecords });
		this.#writes = { slot, limits: this.limits };
	}

	get streams(): Streams {
		this.#streams ??= new StoreStreams({ slot: this.#slot, limits: this.limits });
		return this.#streams;
	}

	async produce(
		space: string,
		segment: string,
		records: Iterable<RecordInput> | AsyncIterable<RecordInput>,
		options?: ProduceOptions,
	): Promise<SegmentStatus> {
		// Nothing is awaited: the records are taken, and their place in the queue, before this returns.
		return produce(this.#writes, space, segment, records, options);
	}

	produceStream(
		space: string,
		segment: string,
		records: Iterable<RecordInput> | AsyncIterable<RecordInput>,
		options?: ProduceOptions,
	): AsyncIterable<SegmentStatus> {
		return produceStream(async () => new Production(this.#writes, space, segment, records, options));
	}

	publish(
		space: string,
		segment: string,
		payload: Uint8Array | string,
		options?: ProduceOptions & { metadata?: Readonly<Record<string, string>> | undefined },
	): Promise<SegmentStatus> {
		return publish(this.#writes, space, segment, payload, options);
	}

	async transact(
		writes: Iterable<TransactWrite>,
		options?: Omit<ProduceOptions, "expectedSequence">,
	): Promise<SegmentStatus[]> {
		return transact(this.#writes, writes, options);
	}

	async peek(space: string, segment: string, options?: Abortable): Promise<Entry> {
		checkName("space", space);
		checkName("segment", segment);
		const signal = checkSignal(optionsObject(options).signal);
		const bytes = await this.#slot.call("read", (engine) => engine.peek(space, segment), signal);
		return readPage(bytes, space).last ?? emptyEntry(space, segment);
	}

	consumeSegment(args: ConsumeSegment): EntryStream {
		return consumeSegment(this.#slot, args);
	}

	consumeSpace(args: ConsumeSpace): EntryStream {
		return consumeSpace(this.#slot, args);
	}

	consume(args: Consume): EntryStream {
		return consume(this.#slot, args);
	}

	getSpaces(options?: ListOptions): AsyncIterable<string> {
		return getSpaces(this.#slot, options);
	}

	getSegments(space: string, options?: ListOptions): AsyncIterable<string> {
		return getSegments(this.#slot, space, options);
	}

	async getSegmentStatus(space: string, segment: string, options?: Abortable): Promise<SegmentStatus | undefined> {
		checkName("space", space);
		checkName("segment", segment);
		const signal = checkSignal(optionsObject(options).signal);
		const numbers = await this.#slot.call("read", (engine) => engine.status(space, segment), signal);
		return numbers === undefined ? undefined : readStatus(numbers, space, segment);
	}

	async subscribeToSegment(
		space: string,
		segment: string,
		handler: StatusHandler,
		options?: SubscribeOptions,
	): Promise<Subscription> {
		checkName("segment", segment);
		return subscribe(this.#slot, { space, segment }, handler, options);
	}

	async subscribeToSpace(space: string, handler: StatusHandler, options?: SubscribeOptions): Promise<Subscription> {
		return subscribe(this.#slot, { space, segment: undefined }, handler, options);
	}

	withLease<T>(key: string, ttl: number, run: (lease: Lease) => MaybePromise<T>, options?: LeaseOptions): Promise<T> {
		return withCalls(this.#slot, options, (calls) => calls.withLease(this.#slot, key, ttl, run, options));
	}

	export(options?: TransferOptions): AsyncIterable<Bytes> {
		const slot = this.#slot;
		return {
			async *[Symbol.asyncIterator]() {
				yield* await withCalls(slot, options, async (calls) => calls.exportAll(slot, options));
			},
		};
	}

	async import(
		source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
		options?: TransferOptions,
	): Promise<{ spaces: number; segments: number; entries: number }> {
		return withCalls(this.#slot, options, (calls) => calls.importAll(this.#slot, source, options));
	}

	compact(options?: ProgressOptions & { space?: string | undefined }): Promise<CompactReport> {
		return withCalls(this.#slot, options, (calls) => calls.compact(this.#slot, options));
	}

	verify(options?: ProgressOptions): Promise<VerifyReport> {
		return withCalls(this.#slot, options, (calls) => calls.verify(this.#slot, options));
	}

	async health(): Promise<Health> {
		const { host, options } = this.#slot;
		const { pendingTransactions, warnings } = await this.#slot.call("read", (engine) => engine.health());
		const own = await this.#slot.call("read", () => this.#hostHealth());
		return {
			...own,
			host: host.name,
			durability: options.durability,
			limits: { ...host.limits },
			pendingTransactions,
			warnings: [...warnings, ...(own.warnings ?? [])],
		};
	}

	/** What the host says of itself, within the time that any of its calls has. */
	#hostHealth(): Promise<Partial<Health>> {
		const { host, options } = this.#slot;
		return hostCall(host, "health", options.hostTimeout, async () => readHealth(await host.health?.()));
	}

	close(): Promise<void> {
		return this.#slot.close();
	}

	[ASYNC_DISPOSE](): Promise<void> {
		// Through the method, so that a wrapper which adds to it is honoured.
		return this.close();
	}
}

/**
 * Opens the store on a host, finishing what an earlier instance left unfinished. A host may be opened again later, or
 * twice at once. Closing the store does not close a host it was given.
 * @throws INVALID_ARGUMENT for a host or options that break their rules; CONFLICT when the host holds another store
 * than options.storeId; UNAVAILABLE.
 */
export async function openStore(host: HostKv, options?: OpenOptions): Promise<Store> {
	const checked = checkOpenOptions(options);
	const signal = checkSignal(options?.signal);
	checkHost(host);
	const slot = new EngineSlot(host, checked);
	try {
		await unlessAborted(slot.ready(), signal);
	} catch (error) {
		// What is still being opened must not stay behind.
		slot.close().catch(() => {});
		throw error;
	}
	if (slot.closed) throw closedError();
	return new EngineStore(slot);
}
