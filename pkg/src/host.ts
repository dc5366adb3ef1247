import type { Bytes } from "./common/bytes.js";
import type { Durability, MaybePromise } from "./types.js";

/**
 * What a host must supply. Keys and values are bytes; keys order as unsigned bytes. Calls may overlap. Arrays given to
 * a host may be kept; they are never views of wasm memory, unless its commit borrows. Arrays it returns belong to the
 * engine, and to readers, whose payloads may be views of them. A host throws StreamkitError; any other throw is taken
 * as UNAVAILABLE. Of a commit, LIMIT_EXCEEDED, QUOTA_EXCEEDED and CLOSED say that nothing was applied, and others do so
 * with details.applied false: after the rest the store looks whether it was.
 */
export interface HostKv {
	/** Names the host in messages and in health(). */
	readonly name: string;
	/** What it can hold and promise; constant over its life. */
	readonly limits: HostLimits;
	/** In the order asked. One snapshot where limits.consistent. */
	get(keys: readonly Bytes[]): MaybePromise<readonly (Uint8Array | undefined)[]>;
	/**
	 * Pairs of the half-open range [start, end), from its top when reverse; stops at limit pairs or maxBytes of values,
	 * but gives at least one pair if there is one. more is exact. keysOnly: values is [].
	 */
	scan(range: ScanRange): MaybePromise<ScanPage>;
	/**
	 * Every check holds and every operation applies, or nothing does. Checks see the state before; then deletes, then
	 * puts. No key is in two operations. A failed check is an answer, not an error. A function that has a property
	 * borrows of true is lent large values, see docs/hosts.md.
	 */
	commit(batch: HostBatch): MaybePromise<HostCommit>;
	/**
	 * Calls back when another instance may have written: a hint that may be late, doubled or lost. Returns how to stop.
	 */
	watch?(changed: () => void): () => void;
	/** Tells the other instances. */
	notify?(): void;
	/** What only the host knows: whether it is persisted, usage and quota, what it cannot promise. */
	health?(): MaybePromise<Partial<Health>>;
	/**
	 * How often, in milliseconds, an open store looks for transactions over several spaces that others left unfinished,
	 * on a host whose limits.atomic is "space". Left out or 0: only when it is opened, and when a call meets
	 * one. Read again after every look.
	 */
	readonly recoveryInterval?: number;
	/** Ends the host. A store does not call it on a host it was given. */
	close?(): MaybePromise<void>;
}

/**
 * Whether a host's commit is done with the values of a batch when it returns. The function says so and not the host, so
 * that who puts another commit in its place, which may wait before it calls this one, is given copies.
 */
export function borrows({ commit }: HostKv): boolean {
	return (commit as { readonly borrows?: unknown }).borrows === true;
}

/** A half-open range of keys, and how much of it to give. */
export interface ScanRange {
	/** Inclusive. */
	start: Bytes;
	/** Exclusive. */
	end: Bytes;
	/** From the top of the range downwards. Default false. */
	reverse?: boolean;
	/** At most so many pairs; at least 1. */
	limit: number;
	/** Stop before the values come to more than this, but after at least one pair. Left out: no bound. */
	maxBytes?: number;
	/** Give no values. Default false. */
	keysOnly?: boolean;
}

/** Keys and their values at the same positions; more says whether the range holds further pairs. */
export interface ScanPage {
	/** In the order asked for. */
	readonly keys: readonly Uint8Array[];
	/** Of the keys, at the same positions; empty where only keys were asked for. */
	readonly values: readonly Uint8Array[];
	/** Exact. */
	readonly more: boolean;
}

/** One atomic change, guarded by checks of the state before it. */
export interface HostBatch {
	/** Keys, and what each must hold. */
	readonly checks: readonly {
		readonly key: Bytes;
		/** undefined: absent. */
		readonly value: Bytes | undefined;
	}[];
	/** Keys to remove, present or not; before any put. */
	readonly deletes: readonly Bytes[];
	/** Pairs to store, in place of what the keys hold. */
	readonly puts: readonly { readonly key: Bytes; readonly value: Bytes }[];
	/** What the batch must survive once it is answered. */
	readonly durability: Durability;
}

/** Applied, or which check failed and what is there instead. */
export type HostCommit =
	| { readonly applied: true }
	| {
			readonly applied: false;
			/** Index of the failed check. */
			readonly check: number;
			/** The value that is there instead; undefined: absent. */
			readonly current: Uint8Array | undefined;
	  };

/** What a host can hold and promise. */
export interface HostLimits {
	/** Bytes of one key. This and the other sizes may be Infinity. */
	maxKeyBytes: number;
	/** Bytes of one value. */
	maxValueBytes: number;
	/** Checks, deletes and puts of one commit, together. A host need not count the checks. */
	maxBatchOps: number;
	/** Keys and values of one commit, in bytes. A host need not count those of checks. */
	maxBatchBytes: number;
	/** The row size at which this host is at its best; blocks grow to it. */
	blockBytes: number;
	/** What one commit covers atomically: any rows, the rows of one space, or a single row. */
	atomic: "store" | "space" | "none";
	/** Checks are honoured. Without them the store must be the only writer. */
	checks: boolean;
	/**
	 * Reads see the latest write, and one get is one snapshot. Without it the store must be the only writer, checks or
	 * not, and the host must show it what was written before it was opened and what it wrote itself.
	 */
	consistent: boolean;
	/** Other processes, tabs or machines may write the same data. */
	shared: boolean;
	/** Bytes are what costs: compress at commit. */
	compress: boolean;
}

/** What a store runs on. */
export interface Health {
	/** The name of the host. */
	host: string;
	/** What a write survives that does not say. */
	durability: Durability;
	/** What the host can hold and promise. */
	limits: HostLimits;
	/** Transactions over several spaces that are neither finished nor given up. */
	pendingTransactions: number;
	/** What this host cannot promise, in sentences. */
	warnings: string[];
	/** Whether the data stays until it is deleted, as far as the host knows. */
	persisted?: boolean;
	/** Bytes in use. */
	usage?: number;
	/** Bytes that may be in use. */
	quota?: number;
	/** The data that was here at the last visit is gone. */
	evicted?: boolean;
}
