/// <reference lib="esnext.disposable" />
import type { Bytes } from "./bytes.js";
import type { HostLimits } from "./host.js";
import type { LexKey } from "./lexkey.js";
import type { Streams } from "./streams/types.js";

/** A value, or a promise of it. */
export type MaybePromise<T> = T | Promise<T>;

/** Options of a call that waits: it rejects with the signal's reason when the signal fires. */
export interface Abortable {
	signal?: AbortSignal | undefined;
}

/** "strict": a resolved write survives power loss. "relaxed": it survives the process, and power loss costs at most the last moments, never integrity. */
export type Durability = "strict" | "relaxed";

/** How to open a store. */
export interface OpenOptions extends Abortable {
	/** A host holds one store. Left out: the one that is there, else a new UUIDv7. Another one there: CONFLICT. */
	storeId?: string | undefined;
	/** Default "relaxed" in browsers, "strict" elsewhere. */
	durability?: Durability | undefined;
	/** zstd. "auto": where the host says bytes are what costs, and only blocks that shrink by 1/8. Default "auto". */
	compression?: "auto" | "none" | "always" | undefined;
	/** Milliseconds since the Unix epoch. Default Date.now. */
	clock?: (() => number) | undefined;
	/** A host call that takes longer (milliseconds) fails with UNAVAILABLE. Default 30000; 0: never. */
	hostTimeout?: number | undefined;
	/** How often (milliseconds) waiters look where the host gives no hint. Default 1000. */
	pollInterval?: number | undefined;
	/** Retention sweep, in milliseconds. Default 10000; 0: only while appending. */
	retentionInterval?: number | undefined;
	/** Background merging of small blocks. Default true. */
	autoCompact?: boolean | undefined;
}

/** One record to append. */
export interface RecordInput {
	/** Expected position in the segment. Left out: the next one, whatever it is. */
	sequence?: number | undefined;
	/** Strings are stored as UTF-8 and must be well-formed. */
	payload: Uint8Array | string;
	metadata?: Readonly<Record<string, string>> | undefined;
}

/** The transaction an entry was committed by: its id, the store instance, and its number in the segment. */
export interface Trx {
	readonly id: string;
	readonly node: string;
	readonly number: number;
}

/** One stored record. */
export interface Entry {
	readonly space: string;
	readonly segment: string;
	/** Dense in the segment, from 1. */
	readonly sequence: number;
	/** Milliseconds since the Unix epoch; never goes back within a space. */
	readonly timestamp: number;
	/** "<timestamp>-<n>": unique in the space, strictly increasing in commit order. */
	readonly id: string;
	readonly trx: Trx;
	/** A view into the page it was read with: copy what you keep for long. */
	readonly payload: Bytes;
	readonly metadata: Readonly<Record<string, string>>;
	/** "hot": from this instance's memory; "warm": from the host; "cold": from an archive. */
	readonly tier: "hot" | "warm" | "cold";
	/** For a stream: its partition; else undefined. */
	readonly partition: number | undefined;
	/** The payload as UTF-8 text, with U+FFFD where it is not UTF-8. */
	text(): string;
	/** The payload as JSON. @throws INVALID_ARGUMENT when it is not JSON. */
	json<T = unknown>(): T;
	/** All of it as plain data; the payload as text when it is UTF-8, else as payloadBase64. */
	toJSON(): unknown;
	/** Where to resume a read of the space: after this entry. */
	spaceOffset(): LexKey;
	/** Where to resume a read of the segment: after this entry. */
	segmentOffset(): LexKey;
}

/** First and last position of a segment; sequences and timestamps are 0 while it is empty. */
export interface SegmentStatus {
	readonly space: string;
	readonly segment: string;
	readonly firstSequence: number;
	readonly firstTimestamp: number;
	readonly lastSequence: number;
	readonly lastTimestamp: number;
	/** In subscriptions: a sign of life that repeats the last status. */
	readonly heartbeat?: boolean;
}

/** string: hex; "" or an empty key: from the beginning. An offset of another space or segment, or of nonsense: INVALID_ARGUMENT. */
export type Offset = LexKey | Uint8Array | string;

/** An open store: spaces of segments of entries. */
export interface Store extends AsyncDisposable {
	/** The store's UUID, written once into the host. */
	readonly id: string;
	/** What one record and one commit may hold on this host; more is LIMIT_EXCEEDED before anything is written. */
	readonly limits: {
		readonly maxRecordBytes: number;
		readonly maxCommitBytes: number;
		readonly maxCommitRecords: number;
	};
	/** Streams with partitions over the same data. */
	readonly streams: Streams;

	/**
	 * Appends records to one segment. What fits one commit is stored whole or not at all; a longer input
	 * commits in chunks, and an error part-way carries details.committed, the last status stored.
	 * Concurrent calls share host commits; each succeeds or fails by itself. No records: INVALID_ARGUMENT.
	 * @throws SEQUENCE_MISMATCH when an expected sequence is not the next one; details {expected, actual}: the caller's, and the next free one.
	 */
	produce(
		space: string,
		segment: string,
		records: Iterable<RecordInput> | AsyncIterable<RecordInput>,
		options?: ProduceOptions,
	): Promise<SegmentStatus>;
	/** The same, yielding a status as each chunk commits. Starts when iterated; leaving the loop stops and closes the source. */
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
	/** All or nothing over any number of segments and spaces; one TRX id for all of it. Must fit one commit per space. One status per write, in the order given. */
	transact(
		writes: Iterable<{ space: string; segment: string; records: Iterable<RecordInput> }>,
		options?: Omit<ProduceOptions, "expectedSequence">,
	): Promise<SegmentStatus[]>;

	/** The latest entry. An empty segment gives space and segment, sequence 0, timestamp 0, id "0-0", an empty payload, nil TRX. */
	peek(space: string, segment: string, options?: Abortable): Promise<Entry>;
	/** The entries of one segment, in sequence order. */
	consumeSegment(args: ConsumeSegment): EntryStream;
	/** The entries of one space, in commit order. */
	consumeSpace(args: ConsumeSpace): EntryStream;
	/** By (timestamp, n, space) among what is committed when a page is read. Exact within each space; while following, best effort between spaces. */
	consume(args: Consume): EntryStream;

	/** The names of the spaces, in byte order. */
	getSpaces(options?: ListOptions): AsyncIterable<string>;
	/** The names of a space's segments, in byte order. */
	getSegments(space: string, options?: ListOptions): AsyncIterable<string>;
	/** The status of a segment; undefined when it was never written. */
	getSegmentStatus(space: string, segment: string, options?: Abortable): Promise<SegmentStatus | undefined>;

	/** The segment's status first, then changes. Calls of one handler never overlap; a slow one gets the latest status, not a backlog. A handler that throws: onError, and the subscription goes on. After the host failed for a while: onError, then the status again. */
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
	 * then rejects with LEASE_LOST. wait: milliseconds to try for, default 0. holder: default a new random name.
	 * @throws LEASE_NOT_ACQUIRED when another holder has it and `wait` has passed; details {holder, expires}.
	 */
	withLease<T>(
		key: string,
		ttl: number,
		run: (lease: Lease) => MaybePromise<T>,
		options?: Abortable & { holder?: string | undefined; wait?: number | undefined },
	): Promise<T>;

	/** Everything, self-contained and checksummed, as a byte stream; with ids, timestamps and TRX. spaces: only these. */
	export(
		options?: Abortable & { spaces?: readonly string[] | undefined; onProgress?: ((p: Progress) => void) | undefined },
	): AsyncIterable<Bytes>;
	/** What export gave, byte for byte the same entries. Only into spaces that are empty: else CONFLICT, and nothing is stored in that space. */
	import(
		source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
		options?: Abortable & { onProgress?: ((p: Progress) => void) | undefined },
	): Promise<{ spaces: number; segments: number; entries: number }>;

	/** Merges small blocks and compresses; safe beside readers and writers. */
	compact(
		options?: Abortable & { space?: string | undefined; onProgress?: ((p: Progress) => void) | undefined },
	): Promise<CompactReport>;
	/** Reads everything back: checksums, order, cross-references, counts. */
	verify(options?: Abortable & { onProgress?: ((p: Progress) => void) | undefined }): Promise<VerifyReport>;
	/** What the store runs on and what it cannot promise there. */
	health(): Promise<Health>;
	/** Waits for writes under way; waiting readers reject with CLOSED. Later calls reject with CLOSED. */
	close(): Promise<void>;
}

/** Options of a write. */
export interface ProduceOptions extends Abortable {
	/** The segment's last sequence as the caller knows it (0: empty): the records get the sequences after it. Not together with record.sequence. */
	expectedSequence?: number | undefined;
	/**
	 * Makes a retry safe at any time until the entries are trimmed: a TRX already committed to this segment is answered with
	 * the status it had and stores nothing. All records must fit one commit. With a number, it must be the segment's last + 1.
	 */
	trx?: { id: string; number?: number | undefined } | undefined;
	/** Commits only while this lease still holds its key: else LEASE_LOST, and nothing is stored. */
	lease?: Lease | undefined;
	/** Default: the store's. */
	durability?: Durability | undefined;
}

/** Which names to list. */
export interface ListOptions extends Abortable {
	/** Names above this one only. */
	after?: string | undefined;
	/** Names that start with this only. */
	prefix?: string | undefined;
	/** 0 or left out: no cap. */
	limit?: number | undefined;
}

/** Bounds that every read takes. */
export interface ReadBounds extends Abortable {
	/** Inclusive. */
	minTimestamp?: number | undefined;
	/** Inclusive. */
	maxTimestamp?: number | undefined;
	/** 0 or left out: no cap. */
	limit?: number | undefined;
	/** Go on as entries are committed, until the limit, the upper bound or the signal. Default false. */
	follow?: boolean | undefined;
}

/** A read of one segment. A minimum above its maximum: INVALID_ARGUMENT. */
export interface ConsumeSegment extends ReadBounds {
	space: string;
	segment: string;
	/** Inclusive. */
	minSequence?: number | undefined;
	/** Inclusive. */
	maxSequence?: number | undefined;
	/** Exclusive: the last entry already handled. Not together with minSequence. */
	offset?: Offset | undefined;
}

/** A read of one space. */
export interface ConsumeSpace extends ReadBounds {
	space: string;
	/** Exclusive. */
	offset?: Offset | undefined;
}

/** A merged read of several spaces. */
export interface Consume extends ReadBounds {
	/** Space name to the offset to resume after. */
	offsets: Readonly<Record<string, Offset>>;
}

/** Cold: each iteration starts a fresh read; arguments are checked at the first step; leaving the loop or aborting ends a wait at once. */
export interface EntryStream extends AsyncIterable<Entry> {
	/** The fast path: whole pages, decoded lazily. maxEntries: the most one page may hold. */
	pages(options?: { maxEntries?: number | undefined }): AsyncIterable<readonly Entry[]>;
	/** All entries. With follow and no bound: INVALID_ARGUMENT. */
	toArray(): Promise<Entry[]>;
	/** The same as a web stream, read as it is pulled. */
	toReadableStream(): ReadableStream<Entry>;
}

/** Called with one status at a time. */
export type StatusHandler = (status: SegmentStatus) => MaybePromise<void>;

/** Options of a subscription. */
export interface SubscribeOptions extends Abortable {
	/** Repeat the last status after this long (milliseconds) without change. Default: never. */
	heartbeat?: number | undefined;
	/** Told what a handler threw, and of a host's failures that the subscription outlives. */
	onError?: ((error: unknown) => void) | undefined;
}

/** A running subscription. */
export interface Subscription extends Disposable {
	readonly id: string;
	readonly status: "active" | "closed" | "failed";
	/** Resolves when closed, rejects when failed. */
	readonly closed: Promise<void>;
	/** No further calls of the handler are started. */
	unsubscribe(): void;
}

/** A lease that is held. */
export interface Lease {
	readonly key: string;
	readonly holder: string;
	/** Grows with every acquisition of the key. */
	readonly fencingToken: number;
	/** Fires when the lease is lost. */
	readonly signal: AbortSignal;
}

/** How far a long operation is; total is undefined while it is not known. */
export interface Progress {
	readonly done: number;
	readonly total: number | undefined;
}

/** What merging did. */
export interface CompactReport {
	blocksBefore: number;
	blocksAfter: number;
	bytesBefore: number;
	bytesAfter: number;
}

/** What verifying found. key: hex of the row. */
export interface VerifyReport {
	entries: number;
	segments: number;
	spaces: number;
	problems: { code: string; message: string; key: string }[];
}

/** What a store runs on. */
export interface Health {
	host: string;
	durability: Durability;
	limits: HostLimits;
	pendingTransactions: number;
	/** What this host cannot promise, in sentences. */
	warnings: string[];
	persisted?: boolean;
	usage?: number;
	quota?: number;
	/** The data that was here at the last visit is gone. */
	evicted?: boolean;
}

/** Namespaces name stores: the same stream name in two namespaces is two streams. Names: a letter, then up to 62 of A-Z a-z 0-9 . _ -, not ending in "-". */
export interface Namespaces extends AsyncDisposable {
	/** @throws ALREADY_EXISTS */
	create(name: string): Promise<void>;
	/** In byte order. */
	list(): Promise<string[]>;
	/** Never "default". @throws NOT_FOUND; NOT_EMPTY unless forced. */
	delete(name: string, options?: { force?: boolean | undefined }): Promise<void>;
	/** Default "default". Created on first write. */
	open(name?: string): Promise<Store>;
	/** Closes the stores that were opened here, and the hosts. */
	close(): Promise<void>;
}
