/// <reference lib="esnext.disposable" />
// The public surface as it was agreed; contract.types.ts checks that the sources still offer all of it.
declare module "contract:streamkit" {
	type MaybePromise<T> = T | Promise<T>;
	type Bytes = Uint8Array<ArrayBuffer>;
	interface Abortable {
		signal?: AbortSignal | undefined;
	}

	// -------------------------------------------------------------- opening

	export interface OpenOptions extends Abortable {
		/** A host holds one store. Left out: the one that is there, else a new UUIDv7. Another one there: CONFLICT. */
		storeId?: string | undefined;
		/** "strict": a resolved write survives power loss. "relaxed": it survives the process, and power loss costs at most the last moments, never integrity. Default "relaxed" in browsers, "strict" elsewhere. */
		durability?: Durability | undefined;
		/** zstd. "auto": where the host says bytes are what costs, and only blocks that shrink by 1/8. Default "auto". */
		compression?: "auto" | "none" | "always" | undefined;
		clock?: (() => number) | undefined;
		/** A host call that takes longer fails with UNAVAILABLE. Default 30000; 0: never. */
		hostTimeout?: number | undefined;
		/** How often waiters look where the host gives no hint. Default 1000. */
		pollInterval?: number | undefined;
		/** Retention sweep. Default 10000; 0: only while appending. */
		retentionInterval?: number | undefined;
		/** Background merging of small blocks. Default true. */
		autoCompact?: boolean | undefined;
	}
	export type Durability = "strict" | "relaxed";

	/**
	 * Opens the store on a host, finishing what an earlier instance left unfinished. A host may be
	 * opened again later, or twice at once. Closing the store does not close a host it was given.
	 */
	export function openStore(host: HostKv, options?: OpenOptions): Promise<Store>;
	export function memoryHost(options?: { limits?: Partial<HostLimits> }): HostKv;
	/** Named stores. The function gives the host for a name (one not seen before included). */
	export function openNamespaces(
		hostFor: (name: string) => MaybePromise<HostKv>,
		options?: OpenOptions,
	): Promise<Namespaces>;

	// -------------------------------------------------------------- data

	export interface RecordInput {
		/** Expected position in the segment. Left out: the next one, whatever it is. */
		sequence?: number | undefined;
		/** Strings are stored as UTF-8 and must be well-formed. */
		payload: Uint8Array | string;
		metadata?: Readonly<Record<string, string>> | undefined;
	}
	/** A payload of JSON text. */
	export function json(value: unknown): string;

	export interface Trx {
		readonly id: string;
		readonly node: string;
		readonly number: number;
	}

	export interface Entry {
		readonly space: string;
		readonly segment: string;
		readonly sequence: number;
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
		text(): string;
		json<T = unknown>(): T;
		toJSON(): unknown;
		spaceOffset(): LexKey;
		segmentOffset(): LexKey;
	}

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

	/** An immutable byte key whose byte order is its order. Text form: lowercase hex. */
	export class LexKey {
		private constructor();
		static encode(...parts: [LexKeyPart, ...LexKeyPart[]]): LexKey;
		static encodeFirst(...parts: [LexKeyPart, ...LexKeyPart[]]): LexKey;
		static encodeLast(...parts: [LexKeyPart, ...LexKeyPart[]]): LexKey;
		static fromHex(hex: string): LexKey;
		static fromBytes(bytes: Uint8Array): LexKey;
		static compare(a: LexKey, b: LexKey): -1 | 0 | 1;
		readonly bytes: Bytes;
		equals(other: LexKey): boolean;
		toHex(): string;
		toJSON(): string;
	}
	/** A JS number is float64, a bigint int64, a Date int64 nanoseconds; the helpers say otherwise. */
	export type LexKeyPart = string | boolean | null | number | bigint | Date | Uint8Array | LexKey | TypedPart;
	export interface TypedPart {
		readonly type: "i64" | "u64" | "f64" | "uuid" | "end";
		readonly value?: bigint | number | string;
	}
	export function i64(v: bigint | number): TypedPart;
	export function u64(v: bigint | number): TypedPart;
	export function f64(v: number): TypedPart;
	export function uuid(v: string): TypedPart;
	export const end: TypedPart;

	/** string: hex; "" or an empty key: from the beginning. An offset of another space or segment, or of nonsense: INVALID_ARGUMENT. */
	export type Offset = LexKey | Uint8Array | string;

	// -------------------------------------------------------------- the store

	export interface Store extends AsyncDisposable {
		readonly id: string;
		/** What one record and one commit may hold on this host; more is LIMIT_EXCEEDED before anything is written. */
		readonly limits: {
			readonly maxRecordBytes: number;
			readonly maxCommitBytes: number;
			readonly maxCommitRecords: number;
		};
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
		/** Appends one record. */
		publish(
			space: string,
			segment: string,
			payload: Uint8Array | string,
			options?: ProduceOptions & { metadata?: Readonly<Record<string, string>> | undefined },
		): Promise<SegmentStatus>;
		/** All or nothing over any number of segments and spaces; one TRX id for all of it. Must fit one commit per space. */
		transact(
			writes: Iterable<{ space: string; segment: string; records: Iterable<RecordInput> }>,
			options?: Omit<ProduceOptions, "expectedSequence">,
		): Promise<SegmentStatus[]>;

		/** The latest entry. An empty segment gives space and segment, sequence 0, timestamp 0, id "0-0", an empty payload, nil TRX. */
		peek(space: string, segment: string, options?: Abortable): Promise<Entry>;
		consumeSegment(args: ConsumeSegment): EntryStream;
		consumeSpace(args: ConsumeSpace): EntryStream;
		/** By (timestamp, n, space) among what is committed when a page is read. Exact within each space; while following, best effort between spaces. */
		consume(args: Consume): EntryStream;

		/** In byte order. */
		getSpaces(options?: ListOptions): AsyncIterable<string>;
		getSegments(space: string, options?: ListOptions): AsyncIterable<string>;
		getSegmentStatus(space: string, segment: string, options?: Abortable): Promise<SegmentStatus | undefined>;

		/** The matching segments' statuses first, then changes. Calls of one handler never overlap; a slow one gets the latest status, not a backlog. A handler that throws: onError, and the subscription goes on. */
		subscribeToSegment(
			space: string,
			segment: string,
			handler: StatusHandler,
			options?: SubscribeOptions,
		): Promise<Subscription>;
		subscribeToSpace(space: string, handler: StatusHandler, options?: SubscribeOptions): Promise<Subscription>;

		/**
		 * Runs under a lease that is renewed meanwhile; lease.signal fires when it is lost, and the call then rejects with LEASE_LOST.
		 * @throws LEASE_NOT_ACQUIRED when another holder has it and `wait` (default 0) has passed.
		 */
		withLease<T>(
			key: string,
			ttl: number,
			run: (lease: Lease) => MaybePromise<T>,
			options?: Abortable & { holder?: string | undefined; wait?: number | undefined },
		): Promise<T>;

		/** Everything, self-contained and checksummed, as a byte stream; with ids, timestamps and TRX. */
		export(
			options?: Abortable & {
				spaces?: readonly string[] | undefined;
				onProgress?: ((p: Progress) => void) | undefined;
			},
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
		health(): Promise<Health>;
		/** Waits for writes under way; waiting readers reject with CLOSED. */
		close(): Promise<void>;
	}

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
		durability?: Durability | undefined;
	}
	export interface ListOptions extends Abortable {
		after?: string | undefined;
		prefix?: string | undefined;
		limit?: number | undefined;
	}
	interface ReadBounds extends Abortable {
		/** Inclusive. */ minTimestamp?: number | undefined;
		/** Inclusive. */ maxTimestamp?: number | undefined;
		/** 0 or left out: no cap. */ limit?: number | undefined;
		/** Go on as entries are committed, until the limit, the upper bound or the signal. */ follow?: boolean | undefined;
	}
	/** A minimum above its maximum: INVALID_ARGUMENT. */
	export interface ConsumeSegment extends ReadBounds {
		space: string;
		segment: string;
		/** Inclusive. */ minSequence?: number | undefined;
		/** Inclusive. */ maxSequence?: number | undefined;
		/** Exclusive: the last entry already handled. Not together with minSequence. */ offset?: Offset | undefined;
	}
	export interface ConsumeSpace extends ReadBounds {
		space: string /** Exclusive. */;
		offset?: Offset | undefined;
	}
	export interface Consume extends ReadBounds {
		/** Space name to the offset to resume after. */ offsets: Readonly<Record<string, Offset>>;
	}

	/** Cold: each iteration starts a fresh read; arguments are checked at the first step; leaving the loop or aborting ends a wait at once. */
	export interface EntryStream extends AsyncIterable<Entry> {
		/** The fast path: whole pages, decoded lazily. */
		pages(options?: { maxEntries?: number | undefined }): AsyncIterable<readonly Entry[]>;
		/** With follow and no bound: INVALID_ARGUMENT. */
		toArray(): Promise<Entry[]>;
		toReadableStream(): ReadableStream<Entry>;
	}

	export type StatusHandler = (status: SegmentStatus) => MaybePromise<void>;
	export interface SubscribeOptions extends Abortable {
		/** Repeat the last status after this long without change. Default: never. */ heartbeat?: number | undefined;
		onError?: ((error: unknown) => void) | undefined;
	}
	export interface Subscription extends Disposable {
		readonly id: string;
		readonly status: "active" | "closed" | "failed" /** Resolves when closed, rejects when failed. */;
		readonly closed: Promise<void>;
		unsubscribe(): void;
	}
	export interface Lease {
		readonly key: string;
		readonly holder: string /** Grows with every acquisition of the key. */;
		readonly fencingToken: number;
		readonly signal: AbortSignal;
	}
	export interface Progress {
		readonly done: number;
		readonly total: number | undefined;
	}
	export interface CompactReport {
		blocksBefore: number;
		blocksAfter: number;
		bytesBefore: number;
		bytesAfter: number;
	}
	export interface VerifyReport {
		entries: number;
		segments: number;
		spaces: number;
		problems: { code: string; message: string; key: string }[];
	}
	export interface Health {
		host: string;
		durability: Durability;
		limits: HostLimits;
		pendingTransactions: number;
		/** What this host cannot promise, in sentences. */ warnings: string[];
		persisted?: boolean;
		usage?: number;
		quota?: number /** The data that was here at the last visit is gone. */;
		evicted?: boolean;
	}

	// -------------------------------------------------------------- errors

	/** Compare by code, not by class: two copies of the package can be loaded. Hosts throw it too; any other throw of a host is UNAVAILABLE. */
	export class StreamkitError extends Error {
		constructor(
			code: ErrorCode,
			message: string,
			options?: { cause?: unknown; details?: Readonly<Record<string, unknown>>; retryable?: boolean },
		);
		readonly code: ErrorCode;
		/** Worth trying again as it is. */
		readonly retryable: boolean;
		readonly details: Readonly<Record<string, unknown>>;
	}
	export function isStreamkitError(value: unknown, code?: ErrorCode): value is StreamkitError;
	export type ErrorCode =
		| "SEQUENCE_MISMATCH"
		| "TRX_ID_MISMATCH" /* that number exists with another id */
		| "TRX_NUMBER_AHEAD" /* the segment is past the caller's number */
		| "TRX_NUMBER_BEHIND" /* the caller's number skips ahead */
		| "INVALID_ARGUMENT" /* the message names the argument and the rule */
		| "LIMIT_EXCEEDED" /* details {what, limit, actual} */
		| "NOT_FOUND"
		| "ALREADY_EXISTS"
		| "NOT_EMPTY"
		| "CONFLICT" /* retryable: lost too many races; or a store that is not what was asked for */
		| "LEASE_NOT_ACQUIRED"
		| "LEASE_LOST"
		| "GROUP_LOCKED"
		| "CORRUPT" /* details {key}; other data stays readable */
		| "UNSUPPORTED" /* the host lacks the capability named */
		| "CLOSED"
		| "UNAVAILABLE" /* retryable: the host failed; details.applied: false or "unknown" */
		| "QUOTA_EXCEEDED";

	// -------------------------------------------------------------- streams

	/** A stream is a space; its partition n is the segment "n". Its ids are the entries' ids, never reused, not even after delete and create. */
	export interface Streams {
		create(name: string, options?: StreamOptions & Abortable): Promise<StreamInfo>; // ALREADY_EXISTS
		alter(name: string, options: { retention: StreamOptions["retention"] | null } & Abortable): Promise<StreamInfo>; // null clears; NOT_FOUND
		delete(name: string, options?: { force?: boolean | undefined } & Abortable): Promise<void>; // NOT_EMPTY unless forced; its groups go too
		/** Spaces that were created or appended to as streams, in byte order. */
		list(options?: ListOptions): Promise<StreamInfo[]>;
		info(name: string, options?: Abortable): Promise<StreamInfo>; // NOT_FOUND
		/** Creates the stream, with one partition, on first use. */
		append(
			name: string,
			records: string | Uint8Array | RecordInput | readonly (string | Uint8Array | RecordInput)[],
			options?: AppendOptions,
		): Promise<AppendResult>;
		/** A missing stream reads as empty. */
		read(name: string, options?: ReadOptions): Promise<Entry[]>;
		follow(name: string, options?: Omit<ReadOptions, "block" | "limit">): EntryStream;
		trim(name: string, how: TrimOptions, options?: Abortable): Promise<TrimResult>; // NOT_FOUND
		group(stream: string, group: string): Group;
	}
	export interface StreamOptions {
		/** Default 1. */ partitions?: number | undefined;
		retention?:
			| { maxAge?: number | undefined; maxCount?: number | undefined; maxBytes?: number | undefined }
			| undefined;
	}
	/** bytes: payloads and metadata as UTF-8, exact at all times, as is count. */
	export interface StreamInfo {
		name: string;
		partitions: number;
		firstId: string;
		lastId: string;
		count: number;
		bytes: number;
		retention?: StreamOptions["retention"];
		createdAt: number;
	}
	export interface AppendOptions extends Omit<ProduceOptions, "expectedSequence"> {
		/** Range-checked. Not together with partitionKey. */ partition?: number | undefined;
		/** Wyhash (final v4, seed 0) modulo partitions; kept in the metadata as "partition-key", which records may not set themselves. */ partitionKey?:
			| string
			| undefined;
		/** Metadata for every record; a record's own wins. */ headers?: Readonly<Record<string, string>> | undefined;
	}
	export interface AppendResult {
		firstId: string;
		lastId: string;
		count: number;
		partition: number;
	}
	export interface ReadOptions extends Abortable {
		/** Inclusive id, "<ms>", "0-0" (default) or "$": only what is appended after the call was made. */ start?:
			| string
			| undefined;
		/** Exclusive id; instead of start. */ after?: string | undefined;
		/** Inclusive id; "<ms>": to the end of that millisecond. */ end?: string | undefined;
		/** Default 10, at most 1000. */ limit?: number | undefined;
		partition?: number | undefined;
		partitionKey?: string | undefined;
		/** Wait up to this long when nothing matches; 0: for ever; left out: do not wait. */ block?: number | undefined;
	}
	/** Exactly one bound, above zero; exact to the record. dryRun reports the same and changes nothing. */
	export type TrimOptions = { dryRun?: boolean | undefined } & (
		| { /** Exclusive id or "<ms>". */ before: string; maxCount?: never; maxAge?: never; maxBytes?: never }
		| { before?: never; maxCount: number; maxAge?: never; maxBytes?: never }
		| { before?: never; maxCount?: never; maxAge: number; maxBytes?: never }
		| { before?: never; maxCount?: never; maxAge?: never /** Keeps the newest records that fit. */; maxBytes: number }
	);
	export interface TrimResult {
		trimmed: number /** "0-0" when empty. */;
		firstId: string;
	}

	export interface GroupOptions {
		/** "shared" (default): consumers pull, each record to one of them. */
		mode?: "shared" | "exclusive" | "key_shared" | undefined;
		/** Where a new group starts: "0-0" (default), "$" or an id (inclusive). */ start?: string | undefined;
		/** Redeliver when not acknowledged for this long. Default 30000; 0: never by time. */ ackTimeout?:
			| number
			| undefined;
		/** Attempts before the dead-letter stream. Default 10; 0: unlimited. */ maxDeliver?: number | undefined;
		/** A consumer not heard of for this long has left. Default 30000. */ consumerTimeout?: number | undefined;
		/** exclusive: how many may wait. 0: a singleton. Default: any number. */ maxStandbys?: number | undefined;
		/** key_shared: Wyhash(key) modulo slots picks the consumer; without a key, the segment's name is the key. Default 256. */ slots?:
			| number
			| undefined;
		/** Default "<stream>.<group>.dlq"; checked when the group is created. */ deadLetterStream?: string | undefined;
	}
	export interface Group {
		create(options?: GroupOptions & Abortable): Promise<GroupInfo>; // ALREADY_EXISTS
		delete(options?: Abortable): Promise<void>; // NOT_FOUND
		join(consumer: string, options?: Abortable): Promise<void>; // GROUP_LOCKED when no standby may wait
		leave(consumer: string, options?: Abortable): Promise<void>; // its pending records are due at once
		/** Creates the group and joins the consumer where needed. Due redeliveries first, by (deadline, id), then new records. A standby waits out `block` and gets nothing. Limit: default 10, at most 1000. */
		read(
			consumer: string,
			options?: Abortable & { limit?: number | undefined; block?: number | undefined; noAck?: boolean | undefined },
		): Promise<Delivery[]>;
		/** How many were pending for that consumer. */
		ack(consumer: string, ids: readonly string[], options?: Abortable): Promise<number>;
		/** At the last attempt: to the dead-letter stream at once. */
		nack(
			consumer: string,
			ids: readonly string[],
			options?: Abortable & { delay?: number | undefined },
		): Promise<number>;
		/** Deadline = now + extend. */
		touch(consumer: string, ids: readonly string[], options: Abortable & { extend: number }): Promise<number>;
		pending(
			options?: Abortable & { consumer?: string | undefined; limit?: number | undefined; after?: string | undefined },
		): Promise<Pending[]>;
		/** Dead letters back to the end of the stream, oldest first. */
		replay(options?: Abortable & { limit?: number | undefined }): Promise<number>;
		info(options?: Abortable): Promise<GroupInfo>; // NOT_FOUND
	}
	export interface Delivery {
		readonly entry: Entry;
		readonly deliveryCount: number;
		readonly deadline: number;
	}
	export interface Pending {
		id: string;
		consumer: string;
		deliveryCount: number;
		deliveredAt: number;
		deadline: number;
	}
	export interface GroupInfo {
		stream: string;
		group: string;
		mode: "shared" | "exclusive" | "key_shared";
		consumers: { name: string; active: boolean; pending: number }[];
		pending: number;
		trimmedPending: number;
		lastDeliveredId: string;
		lag: number;
		createdAt: number;
	}

	/** Namespaces name stores: the same stream name in two namespaces is two streams. Names: a letter, then up to 62 of A-Z a-z 0-9 . _ -, not ending in "-". */
	export interface Namespaces extends AsyncDisposable {
		create(name: string): Promise<void>; // ALREADY_EXISTS
		list(): Promise<string[]>;
		delete(name: string, options?: { force?: boolean | undefined }): Promise<void>; // never "default"; NOT_EMPTY unless forced
		/** Default "default". Created on first write. */
		open(name?: string): Promise<Store>;
		close(): Promise<void>;
	}

	// -------------------------------------------------------------- hosts

	/**
	 * What a host must supply. Keys and values are bytes; keys order as unsigned bytes. Arrays given to a host may be kept;
	 * they are never views of wasm memory. Arrays it returns belong to the engine.
	 */
	export interface HostKv {
		readonly name: string;
		readonly limits: HostLimits;
		/** In the order asked. One snapshot where limits.consistent. */
		get(keys: readonly Bytes[]): MaybePromise<readonly (Uint8Array | undefined)[]>;
		/** Pairs of the half-open range [start, end), from its top when reverse; stops at limit pairs or maxBytes of values, but gives at least one pair if there is one. more is exact. keysOnly: values is []. */
		scan(range: ScanRange): MaybePromise<ScanPage>;
		/** Every check holds and every operation applies, or nothing does. Checks see the state before; then deletes, then puts. No key is in two operations. A failed check is an answer, not an error. */
		commit(batch: HostBatch): MaybePromise<HostCommit>;
		/** Calls back when another instance may have written: a hint that may be late, doubled or lost. Returns how to stop. */
		watch?(changed: () => void): () => void;
		/** Tells the other instances. */
		notify?(): void;
		health?(): MaybePromise<Partial<Health>>;
		close?(): MaybePromise<void>;
	}
	export interface ScanRange {
		start: Bytes;
		end: Bytes;
		reverse?: boolean;
		limit: number;
		maxBytes?: number;
		keysOnly?: boolean;
	}
	export interface ScanPage {
		readonly keys: readonly Uint8Array[];
		readonly values: readonly Uint8Array[];
		readonly more: boolean;
	}
	export interface HostBatch {
		readonly checks: readonly { readonly key: Bytes /** undefined: absent. */; readonly value: Bytes | undefined }[];
		readonly deletes: readonly Bytes[];
		readonly puts: readonly { readonly key: Bytes; readonly value: Bytes }[];
		readonly durability: Durability;
	}
	export type HostCommit =
		| { readonly applied: true }
		| {
				readonly applied: false /** Index of the failed check. */;
				readonly check: number;
				readonly current: Uint8Array | undefined;
		  };
	export interface HostLimits {
		maxKeyBytes: number;
		maxValueBytes: number;
		maxBatchOps: number;
		maxBatchBytes: number;
		/** The row size at which this host is at its best; blocks grow to it. */ blockBytes: number;
		/** What one commit covers atomically: any rows, the rows of one space, or a single row. */ atomic:
			| "store"
			| "space"
			| "none";
		/** Checks are honoured. Without them the store must be the only writer. */ checks: boolean;
		/** Reads see the latest write, and one get is one snapshot. */ consistent: boolean;
		/** Other processes, tabs or machines may write the same data. */ shared: boolean;
		/** Bytes are what costs: compress at commit. */ compress: boolean;
	}
}

declare module "contract:@streamkit/node" {
	import type { HostKv, Namespaces, OpenOptions, Store } from "contract:streamkit";
	/** A durable store in a directory (LMDB), created if missing. Any number of processes of one machine may have it open. */
	export function openDirectory(path: string, options?: OpenOptions): Promise<Store>;
	export function openNamespaces(path: string, options?: OpenOptions): Promise<Namespaces>;
	export function directoryHost(path: string): Promise<HostKv>;
}
declare module "contract:streamkit/indexeddb" {
	import type { HostKv } from "contract:streamkit";
	/** Any number of tabs and workers of one origin may have it open. persist: ask the browser to keep it. */
	export function indexedDbHost(database: string, options?: { persist?: boolean | undefined }): Promise<HostKv>;
}
declare module "contract:streamkit/cloudflare" {
	import type { HostKv } from "contract:streamkit";
	/** Structural: any DurableObjectStorage. */
	export function durableObjectHost(storage: {
		sql?: unknown;
		get: unknown;
		put: unknown;
		list: unknown;
		sync(): Promise<void>;
	}): HostKv;
	/** Structural: any KVNamespace. No atomic commits, no checks, eventually consistent: one writer, see docs/hosts.md. */
	export function workersKvHost(
		kv: { get: unknown; put: unknown; delete: unknown; list: unknown },
		options?: { prefix?: string | undefined },
	): HostKv;
}
declare module "contract:streamkit/azure" {
	import type { HostKv } from "contract:streamkit";
	/** Structural: a TableClient of @azure/data-tables. recoveryInterval: default 300000; 0: never. */
	export function azureTableHost(
		client: { submitTransaction: unknown; listEntities: unknown; getEntity: unknown },
		options?: { prefix?: string | undefined; recoveryInterval?: number | undefined },
	): HostKv;
}
declare module "contract:streamkit/cloudflare" {
	import type { HostKv } from "contract:streamkit";
	/** Structural: any DurableObjectStorage. */
	export function durableObjectHost(storage: {
		sql?: unknown;
		get: unknown;
		put: unknown;
		list: unknown;
		sync(): Promise<void>;
	}): HostKv;
	/** Structural: any KVNamespace. No atomic commits, no checks, eventually consistent: one writer, see docs/hosts.md. */
	export function workersKvHost(
		kv: { get: unknown; put: unknown; delete: unknown; list: unknown },
		options?: { prefix?: string | undefined },
	): HostKv;
}
declare module "contract:streamkit/level" {
	import type { HostKv } from "contract:streamkit";
	/** Structural: any AbstractLevel database in one process; singleWriter asserts it where the database could be shared. */
	export function levelHost(
		db: { status: string; batch: unknown; iterator: unknown; getMany: unknown },
		options?: { prefix?: Uint8Array | undefined; singleWriter?: boolean | undefined },
	): HostKv;
}
declare module "contract:streamkit/testing" {
	import type { HostKv } from "contract:streamkit";
	/** Runs every conformance case. open gives a fresh, empty host; reopen the same data again; second another instance on the data that is open. Cases that a capability rules out are skipped by name. */
	export function hostConformance(
		runner: { test(name: string, run: (t: { skip(reason: string): void }) => Promise<void>): void },
		factory: { open(): Promise<HostKv>; reopen?(): Promise<HostKv>; second?(): Promise<HostKv> },
	): void;
	/** Fails, delays, answers late or stale, drops replies, or cuts off the calls that a seeded plan picks. */
	export function faultyHost(
		inner: HostKv,
		plan: { seed: number; failRate?: number; lostReplyRate?: number; staleRate?: number; crashAfter?: number },
	): HostKv & { readonly log: readonly string[] };
	export function manualClock(start?: number): (() => number) & { advance(ms: number): void; set(ms: number): void };
}
