/// <reference lib="esnext.disposable" preserve="true" />
import type { Bytes } from "./common/bytes.js";
import type { LexKey } from "./lexkey.js";

/** A value, or a promise of it. */
export type MaybePromise<T> = T | Promise<T>;

/** Options of a call that waits: it rejects with the signal's reason when the signal fires. */
export interface Abortable {
	/** Ends the call; a write that was handed to the host by then is still waited for. */
	signal?: AbortSignal | undefined;
}

/**
 * "strict": a resolved write survives power loss. "relaxed": it survives the process, and power loss costs at most the
 * last moments, never integrity.
 */
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
	/**
	 * Retention sweep, in milliseconds, while a stream with retention is known. Default 10000; 0: only while appending.
	 */
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
	/** Names and values, well-formed; stored in byte order of the names. Default: none. */
	metadata?: Readonly<Record<string, string>> | undefined;
}

/** The transaction an entry was committed by: its id, the store instance, and its number in the segment. */
export interface Trx {
	/** A UUID: version 7, or the caller's own. */
	readonly id: string;
	/** The UUID of the store instance that committed it. */
	readonly node: string;
	/** Counts the transactions of the segment, from 1. */
	readonly number: number;
}

/** One stored record. */
export interface Entry {
	/** The name of its space. */
	readonly space: string;
	/** The name of its segment. */
	readonly segment: string;
	/** Dense in the segment, from 1. */
	readonly sequence: number;
	/** Milliseconds since the Unix epoch; never goes back within a space. */
	readonly timestamp: number;
	/** "<timestamp>-<n>": unique in the space, strictly increasing in commit order. */
	readonly id: string;
	/** The transaction that it was committed by. */
	readonly trx: Trx;
	/** A view into the page it was read with: copy what you keep for long. */
	readonly payload: Bytes;
	/** Names and values; empty where there are none. */
	readonly metadata: Readonly<Record<string, string>>;
	/** "hot": from this instance's memory; "warm": from the host; "cold": from an archive. */
	readonly tier: "hot" | "warm" | "cold";
	/** Of a stream, or of what was read as one (streams, groups): its partition; undefined in any other segment. */
	readonly partition: number | undefined;
	/** The payload as UTF-8 text, with U+FFFD where it is not UTF-8. */
	text(): string;
	/** The payload as JSON. @throws INVALID_ARGUMENT when it is not JSON. */
	json<T = unknown>(): T;
	/**
	 * All of it as plain data; the payload as text when it is UTF-8, else as payloadBase64. For what is spread, cloned or
	 * posted: an entry is a view, and its members are not its own.
	 */
	toJSON(): unknown;
	/** Where to resume a read of the space: after this entry. */
	spaceOffset(): LexKey;
	/** Where to resume a read of the segment: after this entry. */
	segmentOffset(): LexKey;
}

/**
 * First and last position of a segment. Where everything of it was trimmed, firstSequence is the one after
 * lastSequence, and firstTimestamp 0.
 */
export interface SegmentStatus {
	/** The name of its space. */
	readonly space: string;
	/** Its name. */
	readonly segment: string;
	/** The sequence of the first entry that is left. */
	readonly firstSequence: number;
	/** Milliseconds since the Unix epoch of the first entry that is left. */
	readonly firstTimestamp: number;
	/** The sequence of the last entry ever. */
	readonly lastSequence: number;
	/** Milliseconds since the Unix epoch of the last entry ever. */
	readonly lastTimestamp: number;
	/** In subscriptions: a sign of life that repeats the last status. */
	readonly heartbeat?: boolean;
}

/**
 * string: hex; "" or an empty key: from the beginning. An offset of another space or segment, or of nonsense:
 * INVALID_ARGUMENT.
 */
export type Offset = LexKey | Uint8Array | string;

/** Options of a write. */
export interface ProduceOptions extends Abortable {
	/**
	 * The segment's last sequence as the caller knows it (0: empty): the records get the sequences after it. Not
	 * together with record.sequence.
	 */
	expectedSequence?: number | undefined;
	/**
	 * Makes a retry safe at any time until the entries are trimmed: a TRX already committed to this segment is answered
	 * with the status it had and stores nothing. All records must fit one commit. With a number, it must be the
	 * segment's last + 1. The records are not compared: whatever is given under a TRX that is stored is answered with what
	 * is stored. Where the segment was trimmed since, firstSequence and firstTimestamp of the answer are those of now.
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
	/**
	 * Go on as entries are committed, until the limit, the upper bound or the signal. Default false. maxTimestamp is
	 * reached once the space has an entry above it, whatever the clock says: writers' clocks differ.
	 */
	follow?: boolean | undefined;
}

/** A read of one segment. A minimum above its maximum: INVALID_ARGUMENT. */
export interface ConsumeSegment extends ReadBounds {
	/** The name of the space. */
	space: string;
	/** The name of the segment. One that does not exist reads as empty. */
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
	/** The name of the space. One that does not exist reads as empty. */
	space: string;
	/** Exclusive. */
	offset?: Offset | undefined;
}

/** A merged read of several spaces. */
export interface Consume extends ReadBounds {
	/** Space name to the offset to resume after. */
	offsets: Readonly<Record<string, Offset>>;
}

/**
 * Cold: each iteration starts a fresh read; arguments are checked at the first step; leaving the loop or aborting ends
 * a wait at once.
 */
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
	/** A random UUID. */
	readonly id: string;
	/** "failed": ended by an error that is not worth another try. */
	readonly status: "active" | "closed" | "failed";
	/** Resolves when closed, rejects when failed. */
	readonly closed: Promise<void>;
	/** No further calls of the handler are started. Closing the store does the same. */
	unsubscribe(): void;
}

/** A lease that is held. */
export interface Lease {
	/** What is leased. */
	readonly key: string;
	/** Who holds it. */
	readonly holder: string;
	/** Grows with every acquisition of the key. */
	readonly fencingToken: number;
	/** Fires when the lease is lost, or the signal of withLease fires. */
	readonly signal: AbortSignal;
}

/** How far a long operation is; total is undefined while it is not known. */
export interface Progress {
	/** Entries so far. */
	readonly done: number;
	/** Entries in all. */
	readonly total: number | undefined;
}

/** What merging did: blocks (of entries, and the rows of commits) and their bytes as stored. */
export interface CompactReport {
	/** Rows that were looked at. */
	blocksBefore: number;
	/** Rows that there are of them now. */
	blocksAfter: number;
	/** Bytes of the rows that were looked at. */
	bytesBefore: number;
	/** Bytes of those that there are of them now. */
	bytesAfter: number;
}

/** What verifying found. key: hex of the row. */
export interface VerifyReport {
	/** Entries found. */
	entries: number;
	/** Segments found. */
	segments: number;
	/** Spaces found. */
	spaces: number;
	/** What is wrong: a code such as CORRUPT, a sentence for people, and the row. */
	problems: { code: string; message: string; key: string }[];
}
