import { type Bytes, copyBytes, randomUuid, sameBytes } from "../../common/bytes.js";
import type { Health, HostBatch, HostCommit, HostKv, HostLimits, ScanPage, ScanRange } from "../../host.js";
import { checkBatch } from "../limits.js";
import { PageFilling } from "../page-filling.js";
import { isEmptyRange, keyBytesOf, keyOfText, textOfKey } from "../text-keys.js";
import { tell, watch } from "../watchers.js";
import { emptied, storageFailure, synced } from "./failures.js";
import { watchersOf } from "./storage-watchers.js";

/** What is used of the storage of an object without SQLite. */
export interface KeyValueStorage extends KeyValueCalls {
	transaction<T>(work: (transaction: KeyValueCalls) => Promise<T>): Promise<T>;
	sync(): Promise<void>;
}

interface KeyValueCalls {
	get(keys: string[]): Promise<Map<string, unknown>>;
	put(entries: Record<string, Uint8Array | string>): Promise<void>;
	delete(keys: string[]): Promise<number>;
	list(options: { start: string; end: string; reverse: boolean; limit: number }): Promise<Map<string, unknown>>;
}

const MAX_KEY_CHARACTERS = 2048;
const MAX_VALUE_BYTES = 128 << 10;
/** Pairs of one get, put or delete. */
const MAX_PAIRS = 128;
const MAX_FETCH = 1000;

/** Under this name, which is no key's text, stands what tells these rows from those of a storage emptied meanwhile. */
const BIRTH = "!";

/** Rows under text keys in the key-value API, for objects of classes without SQLite. */
export class KeyValueHost implements HostKv {
	readonly name = "durable-object";
	readonly limits: HostLimits;
	readonly #storage: KeyValueStorage;
	/** Before every key; no name's prefix begins another's. */
	readonly #prefix: string;
	readonly #watchers: Set<() => void>;
	readonly #birthName: string;
	/** What the storage was called when this host first read or wrote it. */
	#birth: unknown;
	#emptied = false;

	constructor(storage: KeyValueStorage, name: string | undefined) {
		this.#storage = storage;
		this.#prefix = name === undefined ? "streamkit/" : `streamkit_${name}/`;
		this.#watchers = watchersOf(storage, this.#prefix);
		this.#birthName = this.#prefix + BIRTH;
		this.limits = Object.freeze<HostLimits>({
			maxKeyBytes: keyBytesOf(MAX_KEY_CHARACTERS - this.#prefix.length),
			maxValueBytes: MAX_VALUE_BYTES,
			maxBatchOps: MAX_PAIRS,
			maxBatchBytes: 8 << 20,
			blockBytes: 64 << 10,
			atomic: "store",
			checks: true,
			consistent: true,
			// Another store of this object may be open on the same rows.
			shared: true,
			// Billed by units of 4 KiB read and written.
			compress: true,
		});
	}

	#text(key: Uint8Array): string {
		return this.#prefix + textOfKey(key);
	}

	async #run<T>(call: string, work: () => Promise<T>): Promise<T> {
		try {
			if (this.#emptied) throw emptied(this.name);
			return await work();
		} catch (error) {
			throw storageFailure(this.name, call, error);
		}
	}

	/** What is called so, in as few requests as may be. */
	async #found(calls: KeyValueCalls, texts: readonly string[]): Promise<Map<string, unknown>> {
		const found = new Map<string, unknown>();
		for (let at = 0; at < texts.length; at += MAX_PAIRS) {
			for (const [text, value] of await calls.get(texts.slice(at, at + MAX_PAIRS))) found.set(text, value);
		}
		return found;
	}

	/** known: the birth that was known before this one was read. @throws UNAVAILABLE where it is another. */
	#requireBirth(known: unknown, birth: unknown): void {
		if (known === undefined || birth === known) return;
		this.#emptied = true;
		throw emptied(this.name);
	}

	/** Gives the storage its birth, unless it has one. */
	async #born(calls: KeyValueCalls): Promise<unknown> {
		const there = (await calls.get([this.#birthName])).get(this.#birthName);
		if (there !== undefined) return there;
		const birth = randomUuid();
		await calls.put({ [this.#birthName]: birth });
		return birth;
	}

	get(keys: readonly Bytes[]): Promise<(Uint8Array | undefined)[]> {
		return this.#run("get", async () => {
			if (keys.length === 0) return [];
			const texts = keys.map((key) => this.#text(key));
			const found = await this.#read(texts);
			// What was asked for twice is one value in the answer.
			return texts.map((text) => copyOf(found, text));
		});
	}

	async #read(texts: readonly string[]): Promise<Map<string, unknown>> {
		for (;;) {
			const known = this.#birth;
			// A request that is full is not worth another one: a commit finds out.
			const asks = known === undefined || texts.length % MAX_PAIRS > 0;
			const asked = asks ? [...texts, this.#birthName] : texts;
			// One snapshot also beyond 128 keys: nothing else runs in the object during a transaction.
			const found =
				asked.length > MAX_PAIRS
					? await this.#storage.transaction((calls) => this.#found(calls, asked))
					: await this.#found(this.#storage, asked);
			if (!asks) return found;
			const birth = found.get(this.#birthName);
			this.#requireBirth(known, birth);
			this.#birth ??= birth;
			if (birth !== undefined && birth === this.#birth) return found;
			// A new storage, or one that an earlier release wrote. Then read again: it may be another one by now.
			this.#birth ??= await this.#storage.transaction((calls) => this.#born(calls));
		}
	}

	async scan(range: ScanRange): Promise<ScanPage> {
		if (isEmptyRange(range)) return { keys: [], values: [], more: false };
		return this.#run("scan", () => this.#scan(range));
	}

	async #scan(range: ScanRange): Promise<ScanPage> {
		const { start, end, reverse = false, limit, maxBytes, keysOnly } = range;
		const filling = new PageFilling(range);
		let low = this.#text(start);
		let high = this.#text(end);
		// Where bytes bound the page, few rows at a time: a row that is read too much is read for nothing.
		let fetch = maxBytes === undefined ? Math.min(limit + 1, MAX_FETCH) : Math.min(limit + 1, 16);
		for (;;) {
			const pairs = await this.#storage.list({ start: low, end: high, reverse, limit: fetch });
			let last = "";
			for (const [text, value] of pairs) {
				last = text;
				const key = keyOfText(text.slice(this.#prefix.length));
				if (key === undefined) continue;
				const wanted = keysOnly === true ? undefined : (value as Uint8Array);
				if (!filling.fits(wanted?.length ?? 0)) return filling.page(true);
				filling.add(key, wanted);
			}
			if (pairs.size < fetch) return filling.page(false);
			if (reverse) high = last;
			// Nothing sorts in between: no key's text begins with another's.
			else low = `${last}!`;
			fetch = Math.min(fetch * 2, MAX_FETCH);
		}
	}

	async commit(batch: HostBatch): Promise<HostCommit> {
		checkBatch(batch, this.limits);
		return this.#run("commit", async () => {
			const known = this.#birth;
			const { answer, birth } = await this.#storage.transaction((calls) => this.#apply(calls, batch, known));
			this.#birth ??= birth;
			if (answer.applied && batch.durability === "strict") await synced(this.name, this.#storage);
			return answer;
		});
	}

	async #apply(
		calls: KeyValueCalls,
		{ checks, deletes, puts }: HostBatch,
		known: unknown,
	): Promise<{ answer: HostCommit; birth?: unknown }> {
		const texts = checks.map(({ key }) => this.#text(key));
		const found = await this.#found(calls, [...texts, this.#birthName]);
		const birth = found.get(this.#birthName);
		this.#requireBirth(known, birth);
		for (const [check, { value }] of checks.entries()) {
			const current = copyOf(found, texts[check] as string);
			if (!sameBytes(current, value)) return { answer: { applied: false, check, current }, birth };
		}
		if (deletes.length > 0) await calls.delete(deletes.map((key) => this.#text(key)));
		// Copies: of a view the storage would keep all the memory that it is a view of.
		if (puts.length > 0)
			await calls.put(Object.fromEntries(puts.map(({ key, value }) => [this.#text(key), copyBytes(value)])));
		return { answer: { applied: true }, birth: birth ?? (await this.#born(calls)) };
	}

	watch(changed: () => void): () => void {
		return watch(this.#watchers, changed);
	}

	notify(): void {
		tell(this.#watchers);
	}

	health(): Promise<Partial<Health>> {
		return this.#run("health", async () => {
			const known = this.#birth;
			if (known !== undefined)
				this.#requireBirth(known, (await this.#storage.get([this.#birthName])).get(this.#birthName));
			return { persisted: true };
		});
	}
}

function copyOf(found: ReadonlyMap<string, unknown>, text: string): Uint8Array | undefined {
	const value = found.get(text) as Uint8Array | undefined;
	return value === undefined ? undefined : copyBytes(value);
}
