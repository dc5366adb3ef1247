import type { Bytes } from "../common/bytes.js";
import type { Health } from "../host.js";
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
	ProduceOptions,
	Progress,
	RecordInput,
	SegmentStatus,
	StatusHandler,
	SubscribeOptions,
	Subscription,
	VerifyReport,
} from "../types.js";

/** An open store: spaces of segments of entries. */
export interface Store extends AsyncDisposable {
	/** The store's UUID, written once into the host. */
	readonly id: string;
	/**
	 * What one record and one commit may hold on this host; more is LIMIT_EXCEEDED before anything is written. A record
	 * counts its payload and, where it has metadata, four bytes, its keys and values as UTF-8, and eight for each pair;
	 * a commit eight more for each record.
	 */
	readonly limits: {
		/** Bytes of one record. */
		readonly maxRecordBytes: number;
		/** Bytes of the records of one commit. */
		readonly maxCommitBytes: number;
		/** Records of one commit. */
		readonly maxCommitRecords: number;
	};
	/** Streams with partitions over the same data. */
	readonly streams: Streams;

	/**
	 * Appends records to one segment. What fits one commit is stored whole or not at all; a longer input
	 * commits in chunks, and an error part-way carries details.committed, the last status stored.
	 * A signal's reason is passed on as it is, without it, and so is what the source threw where it cannot carry it:
	 * produceStream tells each status as it comes.
	 * Concurrent calls share host commits; each succeeds or fails by itself. No records: INVALID_ARGUMENT.
	 * @throws SEQUENCE_MISMATCH when an expected sequence is not the next one; details {expected, actual}: the position
	 * that was asked for (expectedSequence + 1, or record.sequence), and the next free one. So expectedSequence:
	 * actual - 1 is the one that fits.
	 */
	produce(
		space: string,
		segment: string,
		records: Iterable<RecordInput> | AsyncIterable<RecordInput>,
		options?: ProduceOptions,
	): Promise<SegmentStatus>;
	/**
	 * The same, yielding a status as each chunk commits. Starts when iterated; leaving the loop stops and closes the
	 * source.
	 */
	produceStream(
		space: string,
		segment: string,
		records: Iterable<RecordInput> | AsyncIterable<RecordInput>,
		options?: ProduceOptions,
	): AsyncIterable<SegmentStatus>;
	/** Appends one record. @throws as produce. */
	publish(
		space: string,
		segment: string,
		payload: Uint8Array | string,
		options?: ProduceOptions & { metadata?: Readonly<Record<string, string>> | undefined },
	): Promise<SegmentStatus>;
	/**
	 * All or nothing over any number of segments and spaces; one TRX id for all of it. Must fit one commit per space.
	 * One status per write, in the order given.
	 */
	transact(
		writes: Iterable<{ space: string; segment: string; records: Iterable<RecordInput> }>,
		options?: Omit<ProduceOptions, "expectedSequence">,
	): Promise<SegmentStatus[]>;

	/**
	 * The latest entry. An empty segment gives space and segment, sequence 0, timestamp 0, id "0-0", an empty payload,
	 * nil TRX.
	 */
	peek(space: string, segment: string, options?: Abortable): Promise<Entry>;
	/** The entries of one segment, in sequence order. */
	consumeSegment(args: ConsumeSegment): EntryStream;
	/** The entries of one space, in commit order. */
	consumeSpace(args: ConsumeSpace): EntryStream;
	/**
	 * By (timestamp, n, space) among what is committed when a page is read. Exact within each space; while following,
	 * best effort between spaces.
	 */
	consume(args: Consume): EntryStream;

	/** The names of the spaces, in byte order. A stream that nothing was appended to is none: see streams.list. */
	getSpaces(options?: ListOptions): AsyncIterable<string>;
	/** The names of a space's segments, in byte order. */
	getSegments(space: string, options?: ListOptions): AsyncIterable<string>;
	/**
	 * The status of a segment; undefined when nothing was written to it, or its stream was deleted and not made again
	 * since. Where it was, its sequences go on, and it is as empty as one that is trimmed.
	 */
	getSegmentStatus(space: string, segment: string, options?: Abortable): Promise<SegmentStatus | undefined>;

	/**
	 * The segment's status first, then changes. Calls of one handler never overlap; a slow one gets the latest status,
	 * not a backlog. A handler that throws: onError, and the subscription goes on. After the host failed for a while:
	 * onError, then the status again.
	 */
	subscribeToSegment(
		space: string,
		segment: string,
		handler: StatusHandler,
		options?: SubscribeOptions,
	): Promise<Subscription>;
	/** The statuses of all segments of the space first, then changes; else as subscribeToSegment. */
	subscribeToSpace(space: string, handler: StatusHandler, options?: SubscribeOptions): Promise<Subscription>;

	/**
	 * Runs under a lease of ttl milliseconds that is renewed meanwhile; lease.signal fires when it is lost, and the call
	 * then rejects with LEASE_LOST. When options.signal fires, lease.signal does as well and the call rejects, but the
	 * lease is kept, without renewal, until run has ended. wait: milliseconds to try for, default 0. holder: default a new random name; a holder
	 * that acquires a lease it has takes it over, with a new token.
	 * @throws LEASE_NOT_ACQUIRED when another holder has it and `wait` has passed; details {key, holder, expires}.
	 */
	withLease<T>(
		key: string,
		ttl: number,
		run: (lease: Lease) => MaybePromise<T>,
		options?: Abortable & { holder?: string | undefined; wait?: number | undefined },
	): Promise<T>;

	/**
	 * All entries, self-contained and checksummed, as a byte stream; with ids, timestamps and TRX, and the settings of
	 * streams. Groups, leases and deleted data stay behind. spaces: only these.
	 * @throws NOT_FOUND for a space that is not there.
	 */
	export(
		options?: Abortable & { spaces?: readonly string[] | undefined; onProgress?: ((p: Progress) => void) | undefined },
	): AsyncIterable<Bytes>;
	/**
	 * What export gave, byte for byte the same entries: all of it, or only the spaces that are named. Only into spaces that
	 * are empty: else CONFLICT, and nothing is stored in that space. A name that the export does not hold is NOT_FOUND at
	 * its end, when the others are stored. Given up part-way, by the signal or an error (CORRUPT, details {spacesDone,
	 * offset}, for what is damaged or cut short; offset: the first byte of the part that is), spaces that came whole are
	 * stored, and nothing of the others.
	 */
	import(
		source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
		options?: Abortable & {
			spaces?: readonly string[] | undefined;
			onProgress?: ((p: Progress) => void) | undefined;
		},
	): Promise<{
		/** Spaces that were stored. */
		spaces: number;
		/** Segments in them. */
		segments: number;
		/** Entries in them. */
		entries: number;
	}>;

	/** Merges small blocks and compresses; safe beside readers and writers. A space that is not there comes to nothing. */
	compact(
		options?: Abortable & { space?: string | undefined; onProgress?: ((p: Progress) => void) | undefined },
	): Promise<CompactReport>;
	/**
	 * Reads everything back: checksums, order, cross-references, counts; of consumer groups, checksums, and whether
	 * their counts, pages, timers and slots agree.
	 */
	verify(options?: Abortable & { onProgress?: ((p: Progress) => void) | undefined }): Promise<VerifyReport>;
	/** What the store runs on and what it cannot promise there. */
	health(): Promise<Health>;
	/** Waits for writes under way; waiting readers reject with CLOSED. Later calls reject with CLOSED. */
	close(): Promise<void>;
}

/**
 * Namespaces name stores: the same stream name in two namespaces is two streams. Names: a letter, then up to 62 of A-Z
 * a-z 0-9 . _ -, not ending in "-".
 */
export interface Namespaces extends AsyncDisposable {
	/** @throws ALREADY_EXISTS */
	create(name: string): Promise<void>;
	/** In byte order. */
	list(): Promise<string[]>;
	/**
	 * Never "default". Stores of it that were opened here are closed. force: also when it holds data, default false.
	 * @throws NOT_FOUND; NOT_EMPTY unless forced.
	 */
	delete(name: string, options?: { force?: boolean | undefined }): Promise<void>;
	/** Another store with each call. Default "default". The namespace is created on first write. */
	open(name?: string): Promise<Store>;
	/** Closes the stores that were opened here, and the hosts. */
	close(): Promise<void>;
}
