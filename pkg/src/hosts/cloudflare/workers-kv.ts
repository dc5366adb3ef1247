import { type Bytes, compareBytes } from "../../common/bytes.js";
import { isWellFormed, utf8Length } from "../../common/utf8.js";
import { checkHost, optionalBoolean, optionalDuration, optionsObject } from "../../common/validate.js";
import { describe, invalid, isStreamkitError, StreamkitError } from "../../errors.js";
import type { Health, HostBatch, HostCommit, HostKv, HostLimits, ScanPage, ScanRange } from "../../host.js";
import { checkBatch } from "../limits.js";
import { memoryHost } from "../memory.js";
import { Mutex } from "../mutex.js";
import { PageFilling } from "../page-filling.js";
import { isEmptyRange, keyBytesOf, keyOfText, textOfKey } from "../text-keys.js";
import { type Known, KvJournal, type Unfinished } from "./kv-journal.js";
import { namesBetween } from "./kv-names.js";
import type { KvNamespace } from "./kv-namespace.js";
import { KvWriter } from "./kv-writer.js";

/** Options of workersKvHost. */
export interface WorkersKvOptions {
	/** Before the name of every key; nothing else may begin so. At most 161 bytes of UTF-8. Default: none. */
	prefix?: string | undefined;
	/** Commits are refused with UNSUPPORTED. Default false. */
	readOnly?: boolean | undefined;
	/**
	 * A consistent host of the writer's own, such as durableObjectHost(ctx.storage, { name: "journal" }): what was
	 * written is kept there, so that a writer that starts anew knows it for certain. It belongs to one prefix of one
	 * namespace. Default: in memory, which knows only what this host wrote itself.
	 */
	journal?: HostKv | undefined;
	/** Milliseconds between two writes of one key. Default 1000, which is what Workers KV takes; 0: none. */
	writeInterval?: number | undefined;
}

/** Of a name, in UTF-8. */
const MAX_NAME_BYTES = 512;
const MAX_VALUE_BYTES = 25 << 20;
/** The longest key of the engine. */
const LEAST_KEY_BYTES = 280;
/** Values that are fetched at once. */
const FETCHES = 6;

/** A key of a range, with what the writer knows of its row. */
interface Found {
	readonly key: Bytes;
	readonly known: Known | undefined;
}

class WorkersKvHost implements HostKv {
	readonly name = "workers-kv";
	readonly limits: HostLimits;
	readonly #kv: KvNamespace;
	readonly #prefix: string;
	readonly #writer: KvWriter;
	readonly #journal: KvJournal | undefined;
	readonly #durableJournal: boolean;
	/** The write that the journal holds and Workers KV may not. "unknown": not looked for yet. */
	#unfinished: Unfinished | undefined | "unknown" = "unknown";
	/** Writes go one after the other: what a row refers to must be there before it. */
	readonly #writing = new Mutex();

	constructor(
		kv: KvNamespace,
		prefix: string,
		journal: HostKv | undefined,
		durableJournal: boolean,
		writeInterval: number,
	) {
		this.#kv = kv;
		this.#prefix = prefix;
		this.#writer = new KvWriter(kv, writeInterval);
		this.#journal = journal === undefined ? undefined : new KvJournal(journal);
		this.#durableJournal = durableJournal;
		const longest = keyBytesOf(MAX_NAME_BYTES - utf8Length(prefix));
		const maxKeyBytes = Math.min(longest, this.#journal?.maxKeyBytes ?? longest);
		const maxValueBytes = Math.min(MAX_VALUE_BYTES, this.#journal?.maxValueBytes ?? MAX_VALUE_BYTES);
		this.limits = Object.freeze<HostLimits>({
			maxKeyBytes,
			maxValueBytes,
			maxBatchOps: 1,
			maxBatchBytes: maxKeyBytes + maxValueBytes,
			// Keys are what costs, so few and large ones; but who wants one entry fetches a whole block.
			blockBytes: Math.min(1 << 20, maxValueBytes),
			atomic: "none",
			checks: false,
			consistent: false,
			shared: true,
			// Rows are never merged here, so when they are written is the only time to compress them.
			compress: true,
		});
	}

	#name(key: Uint8Array): string {
		return this.#prefix + textOfKey(key);
	}

	async get(keys: readonly Bytes[]): Promise<(Uint8Array | undefined)[]> {
		if (keys.some((key) => key.length === 0)) throw invalid("key", "must not be empty");
		await this.#settle();
		const known = (await this.#journal?.find(keys)) ?? [];
		return this.#values(keys.map((key, i) => ({ key, known: known[i] })));
	}

	/** Fetches what is not known, a few at once. */
	async #values(rows: readonly Found[]): Promise<(Uint8Array | undefined)[]> {
		const values: (Uint8Array | undefined)[] = [];
		for (let at = 0; at < rows.length; at += FETCHES) {
			values.push(...(await Promise.all(rows.slice(at, at + FETCHES).map((found) => this.#value(found)))));
		}
		return values;
	}

	async #value({ key, known }: Found): Promise<Uint8Array | undefined> {
		if (known?.state === "removed") return undefined;
		if (known?.state === "value") return known.value;
		let fetched: ArrayBuffer | null;
		try {
			fetched = await this.#kv.get(this.#name(key), "arrayBuffer");
		} catch (error) {
			throw readFailure("get", error);
		}
		const value = fetched === null ? undefined : new Uint8Array(fetched);
		return known === undefined ? value : this.#journal?.confirm(known.digest, value);
	}

	async scan(range: ScanRange): Promise<ScanPage> {
		if (isEmptyRange(range)) return { keys: [], values: [], more: false };
		await this.#settle();
		const rows = range.reverse === true ? this.#backwards(range) : this.#rows(range);
		return range.keysOnly === true ? keysOf(rows, range.limit) : this.#pairs(rows, range);
	}

	async #pairs(rows: AsyncGenerator<Found>, range: ScanRange): Promise<ScanPage> {
		const { limit, maxBytes } = range;
		const filling = new PageFilling(range);
		// Where bytes bound the page, one row at first: what is fetched too much is fetched for nothing.
		let fetch = maxBytes === undefined ? FETCHES : 1;
		try {
			for (;;) {
				if (filling.count === limit) return filling.page((await rows.next()).done !== true);
				const batch: Found[] = [];
				while (batch.length < Math.min(fetch, limit - filling.count)) {
					const step = await rows.next();
					if (step.done === true) break;
					batch.push(step.value);
				}
				if (batch.length === 0) return filling.page(false);
				for (const [i, value] of (await this.#values(batch)).entries()) {
					// Listed, but not there any more, or not yet.
					if (value === undefined) continue;
					if (!filling.fits(value.length)) return filling.page(true);
					filling.add((batch[i] as Found).key, value);
				}
				fetch = Math.min(fetch * 2, FETCHES);
			}
		} finally {
			await rows.return(undefined);
		}
	}

	/**
	 * The rows of a range in order: those that are listed and those that the writer knows, which is right where they
	 * differ.
	 */
	async *#rows({ start, end }: ScanRange): AsyncGenerator<Found> {
		const own = this.#journal?.range(start, end);
		try {
			let mine = await own?.next();
			for await (const key of this.#listed(start, end)) {
				while (mine !== undefined && mine.done !== true && compareBytes(mine.value.key, key) < 0) {
					if (mine.value.known.state !== "removed") yield mine.value;
					mine = await own?.next();
				}
				if (mine === undefined || mine.done === true || compareBytes(mine.value.key, key) > 0) {
					yield { key, known: undefined };
				} else {
					if (mine.value.known.state !== "removed") yield mine.value;
					mine = await own?.next();
				}
			}
			while (mine !== undefined && mine.done !== true) {
				if (mine.value.known.state !== "removed") yield mine.value;
				mine = await own?.next();
			}
		} finally {
			await own?.return(undefined);
		}
	}

	async *#listed(start: Bytes, end: Bytes): AsyncGenerator<Bytes> {
		const pages = namesBetween(this.#kv, this.#prefix, textOfKey(start), textOfKey(end));
		try {
			for (;;) {
				let step: IteratorResult<string[]>;
				try {
					step = await pages.next();
				} catch (error) {
					throw readFailure("list", error);
				}
				if (step.done === true) return;
				for (const text of step.value) {
					const key = keyOfText(text);
					if (key !== undefined) yield key;
				}
			}
		} finally {
			await pages.return(undefined);
		}
	}

	/** Lists go upwards only, so all of the range is listed first. */
	async *#backwards(range: ScanRange): AsyncGenerator<Found> {
		const rows: Found[] = [];
		for await (const found of this.#rows(range)) rows.push(found);
		yield* rows.reverse();
	}

	async commit(batch: HostBatch): Promise<HostCommit> {
		if (this.#journal === undefined)
			throw new StreamkitError("UNSUPPORTED", 'host "workers-kv": it was opened read-only', {
				details: { applied: false },
			});
		if (batch.checks.length > 0)
			throw new StreamkitError("UNSUPPORTED", 'host "workers-kv": there are no checks', {
				details: { applied: false },
			});
		checkBatch(batch, this.limits);
		const [removed] = batch.deletes;
		const [put] = batch.puts;
		const write: Unfinished | undefined = removed !== undefined ? { key: removed, value: undefined } : put;
		if (write === undefined) return { applied: true };
		if (write.key.length === 0) throw invalid("key", "must not be empty");
		const journal = this.#journal;
		return this.#writing.run(async () => {
			await this.#finish(journal);
			// Should beginning fail, it may have begun.
			this.#unfinished = "unknown";
			await journal.begin(write);
			this.#unfinished = write;
			await this.#send(write);
			try {
				await this.#end(journal, write);
			} catch {
				// It is stored; it is written once more before anything else is read or written.
			}
			return { applied: true };
		});
	}

	/** What the writer reads has reached Workers KV: a write whose reply was lost is not taken for stored before. */
	async #settle(): Promise<void> {
		const journal = this.#journal;
		if (journal === undefined || this.#unfinished === undefined) return;
		await this.#writing.run(() => this.#finish(journal));
	}

	async #finish(journal: KvJournal): Promise<void> {
		if (this.#unfinished === "unknown") this.#unfinished = await journal.unfinished();
		const write = this.#unfinished;
		if (write === undefined) return;
		await this.#send(write);
		await this.#end(journal, write);
	}

	async #send({ key, value }: Unfinished): Promise<void> {
		const name = this.#name(key);
		if (value === undefined) await this.#writer.delete(name);
		else await this.#writer.put(name, value);
	}

	async #end(journal: KvJournal, write: Unfinished): Promise<void> {
		await journal.end(write);
		this.#unfinished = undefined;
	}

	health(): Partial<Health> {
		const warnings = [
			"Workers KV shows a write elsewhere a minute later, or later still: a reader sees an older state, never half of a commit.",
		];
		if (this.#journal === undefined) return { warnings, persisted: true };
		warnings.push(
			"A key takes one write a second, so a space takes at most one commit a second.",
			"Nothing keeps a second writer out: two at once damage the store.",
		);
		if (!this.#durableJournal)
			warnings.push(
				"Without a journal, a writer that starts within minutes of another's last commit may not see it, and overwrite it.",
			);
		return { warnings, persisted: true };
	}
}

async function keysOf(rows: AsyncGenerator<Found>, limit: number): Promise<ScanPage> {
	const keys: Uint8Array[] = [];
	try {
		for await (const { key } of rows) {
			if (keys.length >= limit) return { keys, values: [], more: true };
			keys.push(key);
		}
	} finally {
		await rows.return(undefined);
	}
	return { keys, values: [], more: false };
}

function readFailure(call: string, error: unknown): StreamkitError {
	if (isStreamkitError(error)) return error;
	return new StreamkitError("UNAVAILABLE", `host "workers-kv": ${call} failed: ${describe(error)}`, {
		cause: error,
		details: { applied: false },
	});
}

/**
 * A host in a Workers KV namespace: no atomic commits, no checks, eventually consistent. It is for a copy that many
 * read, and for an archive, beside a Durable Object that one writer feeds it from; see docs/hosts.md.
 * @throws INVALID_ARGUMENT for anything that is not such a namespace, and for a prefix that is too long.
 */
export function workersKvHost(
	kv: { get: unknown; put: unknown; delete: unknown; list: unknown },
	options?: WorkersKvOptions,
): HostKv {
	if (typeof kv !== "object" || kv === null) throw invalid("kv", "must be a Workers KV namespace");
	for (const call of ["get", "put", "delete", "list"] as const) {
		if (typeof kv[call] !== "function") throw invalid(`kv.${call}`, "must be a function");
	}
	const { prefix = "", readOnly, journal, writeInterval } = optionsObject(options);
	if (typeof prefix !== "string" || !isWellFormed(prefix)) throw invalid("prefix", "must be a well-formed string");
	if (keyBytesOf(MAX_NAME_BYTES - utf8Length(prefix)) < LEAST_KEY_BYTES)
		throw invalid("prefix", "must be at most 161 bytes of UTF-8");
	const interval = optionalDuration("writeInterval", writeInterval, 1000);
	if (journal !== undefined) {
		checkHost(journal, "journal");
		const { atomic, consistent, maxKeyBytes, maxValueBytes } = journal.limits;
		if (atomic === "none" || !consistent) throw invalid("journal", "must be a consistent host with atomic commits");
		if (maxKeyBytes <= LEAST_KEY_BYTES || maxValueBytes <= 8192)
			throw invalid("journal", `must take keys of more than ${LEAST_KEY_BYTES} bytes and values of more than 8192`);
	}
	const isReadOnly = optionalBoolean("readOnly", readOnly, false);
	if (isReadOnly && journal !== undefined) throw invalid("journal", "is of no use to a reader");
	return new WorkersKvHost(
		kv as unknown as KvNamespace,
		prefix,
		isReadOnly ? undefined : (journal ?? memoryHost({ limits: { maxValueBytes: MAX_VALUE_BYTES + 1 } })),
		journal !== undefined,
		interval,
	);
}
