import type { Bytes } from "../common/bytes.js";
import type { CompactReport, VerifyReport } from "../types.js";

// What the wasm module exports. Numbers stand for "none" where an argument may be missing, so that a call passes
// no objects; errors are plain {code, message, details, retryable}. What each argument means is said at the method of
// the same name in wasm/src/engine. A tag is a number by which cancel knows a call, 0 for none.

/** Options of an engine instance. */
export interface EngineOptions {
	storeId: string | undefined;
	durability: "strict" | "relaxed";
	compression: "auto" | "none" | "always";
	hostTimeout: number;
	pollInterval: number;
	autoCompact: boolean;
}

/** A lease that a write checks. */
export interface EngineLease {
	key: string;
	holder: string;
	fencingToken: number;
}

/**
 * A call that the engine answers without a promise. It does so from within its own code, so an answer must not call
 * into the engine.
 */
export interface EngineCall {
	answer(a: number, b: number, c: number, d: number, e: number): void;
	refuse(error: unknown): void;
}

/** A page in one buffer; where it refers to arrays that the host gave, the list that begins with it. */
export type PageBytes = Bytes | [Bytes, ...Bytes[]];

/** One instance of the engine on one host. */
export interface Engine {
	id(): string;
	limits(): { maxRecordBytes: number; maxCommitBytes: number; maxCommitRecords: number };
	append(
		space: string,
		segment: string,
		frame: Bytes,
		expected: number,
		trxId: string | undefined,
		trxNumber: number,
		lease: EngineLease | undefined,
		durability: number,
		tag: number,
		call: EngineCall,
	): void;
	transact(
		frame: Bytes,
		trxId: string | undefined,
		trxNumber: number,
		lease: EngineLease | undefined,
		durability: number,
		tag: number,
	): Promise<Float64Array>;
	cancel(tag: number): void;
	peek(space: string, segment: string): Promise<PageBytes>;
	readSegment(
		space: string,
		segment: string,
		fromSequence: number,
		maxSequence: number,
		minTimestamp: number,
		maxTimestamp: number,
		maxEntries: number,
		maxBytes: number,
	): Promise<PageBytes>;
	readSpace(
		space: string,
		afterMs: number,
		afterN: number,
		minTimestamp: number,
		maxTimestamp: number,
		maxEntries: number,
		maxBytes: number,
	): Promise<PageBytes>;
	spaces(after: string | undefined, prefix: string | undefined, limit: number): Promise<Bytes>;
	segments(space: string, after: string | undefined, prefix: string | undefined, limit: number): Promise<Bytes>;
	status(space: string, segment: string): Promise<Float64Array | undefined>;
	changes(space: string, segment: string | undefined, afterMs: number, afterN: number): Promise<Bytes>;
	epoch(): number;
	wait(space: string, epoch: number, timeout: number, tag: number): Promise<void>;
	streamCreate(
		name: string,
		partitions: number,
		maxAge: number,
		maxCount: number,
		maxBytes: number,
		tag: number,
	): Promise<Bytes>;
	streamAlter(name: string, maxAge: number, maxCount: number, maxBytes: number, tag: number): Promise<Bytes>;
	streamDelete(name: string, force: boolean, tag: number): Promise<void>;
	streamInfo(name: string): Promise<Bytes>;
	streamList(after: string | undefined, prefix: string | undefined, limit: number): Promise<Bytes>;
	streamAppend(
		name: string,
		frame: Bytes,
		partition: number,
		partitionKey: string | undefined,
		trxId: string | undefined,
		trxNumber: number,
		lease: EngineLease | undefined,
		durability: number,
		tag: number,
		call: EngineCall,
	): void;
	streamRead(
		name: string,
		partition: number,
		partitionKey: string | undefined,
		afterMs: number,
		afterN: number,
		lastMs: number,
		lastN: number,
		fromPartition: number,
		fromSequence: number,
		maxEntries: number,
		maxBytes: number,
	): Promise<PageBytes>;
	streamTail(name: string): Promise<Float64Array>;
	streamTrim(name: string, kind: number, value: number, n: number, dryRun: boolean, tag: number): Promise<Float64Array>;
	streamSweep(after: string | undefined): Promise<string | undefined>;
	groupCreate(
		stream: string,
		group: string,
		mode: number,
		startMs: number,
		startN: number,
		ackTimeout: number,
		maxDeliver: number,
		consumerTimeout: number,
		maxStandbys: number,
		slots: number,
		deadLetterStream: string | undefined,
		tag: number,
	): Promise<Bytes>;
	groupDelete(stream: string, group: string, tag: number): Promise<void>;
	groupJoin(stream: string, group: string, consumer: string, tag: number): Promise<void>;
	groupLeave(stream: string, group: string, consumer: string, tag: number): Promise<void>;
	groupRead(
		stream: string,
		group: string,
		consumer: string,
		limit: number,
		noAck: boolean,
		first: boolean,
		tag: number,
	): Promise<PageBytes>;
	groupSettle(
		stream: string,
		group: string,
		consumer: string,
		ids: Float64Array,
		kind: number,
		ms: number,
		tag: number,
	): Promise<number>;
	groupPending(
		stream: string,
		group: string,
		consumer: string | undefined,
		limit: number,
		afterMs: number,
		afterN: number,
	): Promise<Bytes>;
	groupReplay(stream: string, group: string, limit: number, tag: number): Promise<number>;
	groupInfo(stream: string, group: string): Promise<Bytes>;
	leaseAcquire(key: string, holder: string, ttl: number, tag: number): Promise<number>;
	leaseRenew(key: string, holder: string, token: number, ttl: number): Promise<void>;
	leaseRelease(key: string, holder: string, token: number): Promise<void>;
	exporter(spaces: string[] | undefined): Exporter;
	importer(spaces: string[] | undefined): Importer;
	compactor(space: string | undefined): Stepper<CompactReport>;
	verifier(): Stepper<VerifyReport>;
	health(): Promise<{ pendingTransactions: number; warnings: string[] }>;
	recover(): Promise<void>;
	hint(): void;
	close(): Promise<void>;
	trap(): void;
	free(): void;
}

/** Gives a store's content in pieces. */
export interface Exporter {
	next(): Promise<Bytes | undefined>;
	done(): number;
	total(): number | undefined;
	free(): void;
}

/** Takes what an exporter gave. */
export interface Importer {
	push(bytes: Uint8Array): Promise<void>;
	finish(): Promise<{ spaces: number; segments: number; entries: number }>;
	done(): number;
	free(): void;
}

/** Work in bounded steps; step says whether there is more. */
export interface Stepper<Report> {
	step(): Promise<boolean>;
	done(): number;
	total(): number | undefined;
	report(): Report;
	free(): void;
}

/** What createGlue gives. */
export interface Glue {
	Engine: { open(bridge: object, options: EngineOptions): Promise<Engine> };
	initSync(module: { module: WebAssembly.Module }): unknown;
	/** A stored row as it is without compression; a damaged one as it is. Of the full engine only. */
	expandRow(row: Uint8Array): Bytes;
	/** What the instance said when it panicked, if it did. */
	panicMessage(): string | undefined;
}
