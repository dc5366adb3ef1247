import type { Abortable, Entry, EntryStream, ListOptions, ProduceOptions, RecordInput } from "../types.js";

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
/** How a stream is made. */
export interface StreamOptions {
	/** Default 1. */ partitions?: number | undefined;
	retention?: { maxAge?: number | undefined; maxCount?: number | undefined; maxBytes?: number | undefined } | undefined;
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
/** Options of an append to a stream. */
export interface AppendOptions extends Omit<ProduceOptions, "expectedSequence"> {
	/** Range-checked. Not together with partitionKey. */ partition?: number | undefined;
	/** Wyhash (final v4, seed 0) modulo partitions; kept in the metadata as "partition-key", which records may not set themselves. */ partitionKey?:
		| string
		| undefined;
	/** Metadata for every record; a record's own wins. */ headers?: Readonly<Record<string, string>> | undefined;
}
/** What an append made. */
export interface AppendResult {
	firstId: string;
	lastId: string;
	count: number;
	partition: number;
}
/** Which records to read. */
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
/** What a trim removed. */
export interface TrimResult {
	trimmed: number /** "0-0" when empty. */;
	firstId: string;
}

/** How a group is made. */
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
/** A consumer group of a stream. */
export interface Group {
	create(options?: GroupOptions & Abortable): Promise<GroupInfo>; // ALREADY_EXISTS
	delete(options?: Abortable): Promise<void>; // NOT_FOUND
	join(consumer: string, options?: Abortable): Promise<void>; // GROUP_LOCKED when no standby may wait
	leave(consumer: string, options?: Abortable): Promise<void>; // its pending records are due at once
	/** Creates the group and joins the consumer where needed. Due redeliveries first, by (deadline, id), then new records. A standby waits out `block` and gets nothing. NOT_FOUND when the group is deleted while the read waits. Limit: default 10, at most 1000. */
	read(
		consumer: string,
		options?: Abortable & { limit?: number | undefined; block?: number | undefined; noAck?: boolean | undefined },
	): Promise<Delivery[]>;
	/** How many were pending for that consumer. */
	ack(consumer: string, ids: readonly string[], options?: Abortable): Promise<number>;
	/** At the last attempt: to the dead-letter stream at once. */
	nack(consumer: string, ids: readonly string[], options?: Abortable & { delay?: number | undefined }): Promise<number>;
	/** Deadline = now + extend. */
	touch(consumer: string, ids: readonly string[], options: Abortable & { extend: number }): Promise<number>;
	pending(
		options?: Abortable & { consumer?: string | undefined; limit?: number | undefined; after?: string | undefined },
	): Promise<Pending[]>;
	/** Dead letters back to the end of the stream, oldest first. */
	replay(options?: Abortable & { limit?: number | undefined }): Promise<number>;
	info(options?: Abortable): Promise<GroupInfo>; // NOT_FOUND
}
/** A record as handed to a consumer. */
export interface Delivery {
	readonly entry: Entry;
	readonly deliveryCount: number;
	readonly deadline: number;
}
/** A record that is not acknowledged. */
export interface Pending {
	id: string;
	consumer: string;
	deliveryCount: number;
	deliveredAt: number;
	deadline: number;
}
/** The state of a group. */
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
