import type { Abortable, Entry, EntryStream, ListOptions, ProduceOptions, RecordInput } from "../types.js";

/**
 * A stream is a space; its partition n is the segment "n". Its ids are the entries' ids, never reused, not even after
 * delete and create. All calls throw INVALID_ARGUMENT for a name or an option that breaks its rule.
 */
export interface Streams {
	/** Creates a stream; a space that is there already becomes one. @throws ALREADY_EXISTS */
	create(name: string, options?: StreamOptions & Abortable): Promise<StreamInfo>;
	/** Replaces the whole retention; null clears it. The next append or sweep applies it. @throws NOT_FOUND */
	alter(
		name: string,
		options: { retention: NonNullable<StreamOptions["retention"]> | null } & Abortable,
	): Promise<StreamInfo>;
	/**
	 * Deletes a stream and its groups; one that does not exist is no error, and a space that is none stays as it is.
	 * force: also when it holds records, default false.
	 * @throws NOT_EMPTY unless forced.
	 */
	delete(name: string, options?: { force?: boolean | undefined } & Abortable): Promise<void>;
	/** Spaces that were created or appended to as streams, in byte order. */
	list(options?: ListOptions): Promise<StreamInfo[]>;
	/** A stream as it stands. @throws NOT_FOUND */
	info(name: string, options?: Abortable): Promise<StreamInfo>;
	/**
	 * Appends records to one partition, all or none, in one commit. Creates the stream, with one partition, on first use.
	 * @throws LIMIT_EXCEEDED for more than one commit holds; else as produce of a store.
	 */
	append(
		name: string,
		records: string | Uint8Array | RecordInput | readonly (string | Uint8Array | RecordInput)[],
		options?: AppendOptions,
	): Promise<AppendResult>;
	/** The records of a range, in id order. A missing stream reads as empty, any other space like a stream. */
	read(name: string, options?: ReadOptions): Promise<Entry[]>;
	/** The records of a range, then what is appended, up to end if there is one. */
	follow(name: string, options?: Omit<ReadOptions, "block" | "limit">): EntryStream;
	/** Removes the oldest records. @throws NOT_FOUND */
	trim(name: string, how: TrimOptions, options?: Abortable): Promise<TrimResult>;
	/** A consumer group, which need not exist yet. */
	group(stream: string, group: string): Group;
}

/** How a stream is made. */
export interface StreamOptions {
	/** 1 to 65536. Default 1. */
	partitions?: number | undefined;
	/**
	 * What the stream keeps at most: milliseconds, records, bytes as StreamInfo counts them; each at least 1. Default:
	 * everything.
	 */
	retention?: { maxAge?: number | undefined; maxCount?: number | undefined; maxBytes?: number | undefined } | undefined;
}

/** A stream as it stands. */
export interface StreamInfo {
	/** Its name. */
	name: string;
	/** How many partitions it has. */
	partitions: number;
	/** "0-0" when it is empty. */
	firstId: string;
	/** "0-0" when it is empty. */
	lastId: string;
	/** Records, exact at all times. */
	count: number;
	/** Payloads and metadata as UTF-8, exact at all times. */
	bytes: number;
	/** Left out where everything is kept. */
	retention?: StreamOptions["retention"];
	/** Milliseconds since the Unix epoch. */
	createdAt: number;
}

/** Options of an append to a stream. */
export interface AppendOptions extends Omit<ProduceOptions, "expectedSequence"> {
	/** Range-checked. Default 0. Not together with partitionKey. */
	partition?: number | undefined;
	/**
	 * Wyhash (final v4, seed 0) modulo partitions; kept in the metadata as "partition-key", which records may not set
	 * themselves.
	 */
	partitionKey?: string | undefined;
	/** Metadata for every record; a record's own wins. */
	headers?: Readonly<Record<string, string>> | undefined;
}

/** What an append made. */
export interface AppendResult {
	/** The id of the first record. */
	firstId: string;
	/** The id of the last record. */
	lastId: string;
	/** How many records were appended. */
	count: number;
	/** The partition that they are in. */
	partition: number;
}

/** Which records to read. */
export interface ReadOptions extends Abortable {
	/** Inclusive id, "<ms>", "0-0" (default) or "$": only what is appended after the call was made. */
	start?: string | undefined;
	/** Exclusive id; instead of start. */
	after?: string | undefined;
	/** Inclusive id; "<ms>": to the end of that millisecond. */
	end?: string | undefined;
	/** Default 10, at most 1000. */
	limit?: number | undefined;
	/** Only this partition. Not together with partitionKey. */
	partition?: number | undefined;
	/** Only the partition that this key chooses. */
	partitionKey?: string | undefined;
	/** Wait up to this long (milliseconds) when nothing matches; 0: for ever; left out: do not wait. */
	block?: number | undefined;
}

/** Exactly one bound, above zero; exact to the record. dryRun (default false) reports the same and changes nothing. */
export type TrimOptions = { dryRun?: boolean | undefined } & (
	| {
			/** Exclusive id or "<ms>". */
			before: string;
			maxCount?: never;
			maxAge?: never;
			maxBytes?: never;
	  }
	| {
			before?: never;
			/** Keeps the newest so many records. */
			maxCount: number;
			maxAge?: never;
			maxBytes?: never;
	  }
	| {
			before?: never;
			maxCount?: never;
			/** Milliseconds: removes what is older. */
			maxAge: number;
			maxBytes?: never;
	  }
	| {
			before?: never;
			maxCount?: never;
			maxAge?: never;
			/** Keeps the newest records that fit. */
			maxBytes: number;
	  }
);

/** What a trim removed. */
export interface TrimResult {
	/** How many records it removed, or would remove. */
	trimmed: number;
	/** The first record left. "0-0" when empty. */
	firstId: string;
}

/** How a group is made. */
export interface GroupOptions {
	/**
	 * "shared" (default): consumers pull, each record to one of them. "exclusive": one consumer at a time, others stand
	 * by. "key_shared": the records of one key to one consumer.
	 */
	mode?: "shared" | "exclusive" | "key_shared" | undefined;
	/** Where a new group starts: "0-0" (default), "$" or an id (inclusive). */
	start?: string | undefined;
	/**
	 * Redeliver when not acknowledged for this long (milliseconds), or once the consumer has left, which a call of any
	 * kind puts off. Default 30000; 0: never by time.
	 */
	ackTimeout?: number | undefined;
	/** Attempts before the dead-letter stream. Default 10; 0: unlimited. */
	maxDeliver?: number | undefined;
	/**
	 * A consumer not heard of for this long (milliseconds) has left: what it has is due, whatever ackTimeout is. Where one
	 * record takes longer, raise both, or call touch meanwhile. Default 30000.
	 */
	consumerTimeout?: number | undefined;
	/** exclusive: how many may wait. 0: a singleton. Default: any number. Other modes check it and ignore it. */
	maxStandbys?: number | undefined;
	/**
	 * key_shared: Wyhash(key) modulo slots picks the consumer; without a key, the segment's name is the key. 1 to 4096,
	 * default 256. Other modes check it and ignore it.
	 */
	slots?: number | undefined;
	/** Default "<stream>.<group>.dlq"; checked when the group is created. */
	deadLetterStream?: string | undefined;
}

/**
 * A consumer group of a stream. Ids are those of the entries, 1 to 1000 a call. All calls throw INVALID_ARGUMENT for an
 * argument that breaks its rule, and UNSUPPORTED on hosts without atomic, checked, consistent commits.
 */
export interface Group {
	/** Creates the group; its stream need not exist yet. @throws ALREADY_EXISTS */
	create(options?: GroupOptions & Abortable): Promise<GroupInfo>;
	/** Deletes the group with all that is pending in it; its dead letters stay. @throws NOT_FOUND */
	delete(options?: Abortable): Promise<void>;
	/** Joins a consumer; creates the group where needed. @throws GROUP_LOCKED when no standby may wait. */
	join(consumer: string, options?: Abortable): Promise<void>;
	/**
	 * Ends a consumer's session; its pending records are due at once. A consumer that has none is no error.
	 * @throws NOT_FOUND for the group.
	 */
	leave(consumer: string, options?: Abortable): Promise<void>;
	/**
	 * Creates the group and joins the consumer where needed. Due redeliveries first, by (deadline, id), then new records.
	 * A standby waits out `block` and gets nothing. limit: default 10, at most 1000. block: as in ReadOptions. noAck: as
	 * if acknowledged at once, default false. @throws GROUP_LOCKED when no standby may wait; NOT_FOUND when the group is
	 * deleted while the read waits.
	 */
	read(
		consumer: string,
		options?: Abortable & { limit?: number | undefined; block?: number | undefined; noAck?: boolean | undefined },
	): Promise<Delivery[]>;
	/**
	 * Acknowledges: these never come back. How many were pending for that consumer. At most 1,000 ids a call, as of nack
	 * and touch; without any, nothing is done.
	 * @throws NOT_FOUND
	 */
	ack(consumer: string, ids: readonly string[], options?: Abortable): Promise<number>;
	/**
	 * Gives back, to be due after delay milliseconds (default 0), or earlier once the consumer has left or was not heard
	 * of for consumerTimeout; at the last attempt: to the dead-letter stream at once. How many were pending for that
	 * consumer.
	 * @throws NOT_FOUND
	 */
	nack(consumer: string, ids: readonly string[], options?: Abortable & { delay?: number | undefined }): Promise<number>;
	/**
	 * Deadline = now + extend (whole milliseconds, from 0 to below 2^48), also where ackTimeout is 0; earlier once the
	 * consumer has left or was not heard of for consumerTimeout. How many were pending for that consumer.
	 * @throws NOT_FOUND
	 */
	touch(consumer: string, ids: readonly string[], options: Abortable & { extend: number }): Promise<number>;
	/**
	 * What is delivered and not acknowledged, by id. consumer: only that one's. after: an exclusive id. limit: default
	 * and at most 1000.
	 * @throws NOT_FOUND
	 */
	pending(
		options?: Abortable & { consumer?: string | undefined; limit?: number | undefined; after?: string | undefined },
	): Promise<Pending[]>;
	/**
	 * Dead letters back to the end of the stream, oldest first, up to the first that is not this group's; how many.
	 * limit: default all.
	 * @throws NOT_FOUND
	 */
	replay(options?: Abortable & { limit?: number | undefined }): Promise<number>;
	/** The group as it stands. @throws NOT_FOUND */
	info(options?: Abortable): Promise<GroupInfo>;
}

/** A record as handed to a consumer. */
export interface Delivery {
	/** The record. */
	readonly entry: Entry;
	/** From 1. */
	readonly deliveryCount: number;
	/**
	 * When it is due again, in milliseconds since the Unix epoch; earlier once the consumer has left or was not heard of
	 * for consumerTimeout. Number.MAX_SAFE_INTEGER where it is not due by time.
	 */
	readonly deadline: number;
}

/** A record that is not acknowledged. */
export interface Pending {
	/** The record's id. */
	id: string;
	/** Whom it was delivered to last. */
	consumer: string;
	/** From 1. */
	deliveryCount: number;
	/** Milliseconds since the Unix epoch. */
	deliveredAt: number;
	/** As in Delivery; when it was, once the consumer has left. */
	deadline: number;
}

/** The state of a group. */
export interface GroupInfo {
	/** The name of its stream. */
	stream: string;
	/** Its name. */
	group: string;
	/** How it shares records: see GroupOptions. */
	mode: "shared" | "exclusive" | "key_shared";
	/** Who has joined, or has records pending, in byte order. active: may be given records. */
	consumers: { name: string; active: boolean; pending: number }[];
	/** Records that are delivered and not acknowledged. */
	pending: number;
	/** Records that were trimmed while they were pending, ever. */
	trimmedPending: number;
	/** The highest id ever delivered; "0-0": none. */
	lastDeliveredId: string;
	/** Records that are not delivered yet. */
	lag: number;
	/** Milliseconds since the Unix epoch. */
	createdAt: number;
}
