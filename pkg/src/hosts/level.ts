import { type Bytes, copyBytes, isUint8Array, sameBytes } from "../common/bytes.js";
import { optionalBoolean, optionsObject } from "../common/validate.js";
import { describe, invalid, StreamkitError } from "../errors.js";
import type { HostBatch, HostCommit, HostKv, HostLimits, ScanPage, ScanRange } from "../host.js";
import { checkBatch } from "./limits.js";
import { Mutex } from "./mutex.js";
import { PageFilling } from "./page-filling.js";
import { tell, watch } from "./watchers.js";

const ENCODING = { keyEncoding: "view", valueEncoding: "view" } as const;
const MAX_FETCH = 1000;

/** What is used of an abstract-level database, of version 1 and later. */
interface Level {
	readonly status: string;
	/** The database that a sublevel is part of. */
	readonly db?: Level;
	readonly supports?: { implicitSnapshots?: boolean; snapshots?: boolean };
	open?(options?: object): Promise<void>;
	getMany(keys: readonly Uint8Array[], options: object): Promise<(Uint8Array | undefined)[]>;
	batch(operations: readonly object[], options: object): Promise<void>;
	iterator(options: object): LevelIterator;
}

interface LevelIterator {
	nextv(size: number): Promise<[Uint8Array, Uint8Array | undefined][]>;
	close(): Promise<void>;
}

/** What all hosts over one database share. */
interface Shared {
	/** Makes a commit's checks and its writes one step for everybody in this process. */
	readonly mutex: Mutex;
	readonly watchers: Set<() => void>;
}

// Several copies of this module may be loaded, such as the CommonJS one beside the ES one: they share it all the same.
const REGISTRY = Symbol.for("streamkit.level");

/** Sublevels are new objects over the same rows, so what is shared belongs to the database at the root. */
function sharedOf(db: Level): Shared {
	const scope = globalThis as { [REGISTRY]?: WeakMap<object, Shared> };
	scope[REGISTRY] ??= new WeakMap();
	const shared = scope[REGISTRY];
	let root = db;
	while (typeof root.db === "object" && root.db !== null && root.db !== root) root = root.db;
	let found = shared.get(root);
	if (found === undefined) {
		found = { mutex: new Mutex(), watchers: new Set() };
		shared.set(root, found);
	}
	return found;
}

class LevelHost implements HostKv {
	readonly name = "level";
	readonly limits: HostLimits;
	readonly #db: Level;
	readonly #prefix: Bytes;
	readonly #shared: Shared;
	#opening: Promise<void> | undefined;

	constructor(db: Level, prefix: Bytes, singleWriter: boolean) {
		this.#db = db;
		this.#prefix = prefix;
		this.#shared = sharedOf(db);
		this.limits = Object.freeze<HostLimits>({
			maxKeyBytes: 4096,
			maxValueBytes: 16 << 20,
			maxBatchOps: 100_000,
			maxBatchBytes: 64 << 20,
			blockBytes: 64 << 10,
			atomic: "store",
			checks: true,
			consistent: true,
			// Another store of this process may be open on the database.
			shared: !singleWriter,
			compress: false,
		});
	}

	/** Waits for a database that is opening, and opens one that nobody has opened yet. */
	#ready(): Promise<void> | undefined {
		const { status } = this.#db;
		if (status === "open") return undefined;
		if (status === "closing" || status === "closed" || this.#db.open === undefined) {
			throw new StreamkitError("UNAVAILABLE", `host "level": the database is ${status}`, {
				details: { applied: false },
			});
		}
		this.#opening ??= this.#db.open().finally(() => {
			this.#opening = undefined;
		});
		return this.#opening;
	}

	#key(key: Uint8Array): Uint8Array {
		if (this.#prefix.length === 0) return key;
		const full = new Uint8Array(this.#prefix.length + key.length);
		full.set(this.#prefix);
		full.set(key, this.#prefix.length);
		return full;
	}

	async get(keys: readonly Bytes[]): Promise<(Uint8Array | undefined)[]> {
		await this.#ready();
		const { supports } = this.#db;
		const read = (): Promise<(Uint8Array | undefined)[]> => this.#getMany(keys);
		// Where the database has no snapshots, a get is one because no commit gets in between.
		const snapshot = supports?.implicitSnapshots ?? supports?.snapshots ?? false;
		return snapshot || keys.length < 2 ? read() : this.#shared.mutex.run(read);
	}

	async #getMany(keys: readonly Bytes[]): Promise<(Uint8Array | undefined)[]> {
		if (keys.length === 0) return [];
		const values = await this.#db.getMany(
			keys.map((key) => this.#key(key)),
			ENCODING,
		);
		// Databases in memory give out the very arrays they keep.
		return values.map((value) => (value === undefined ? undefined : copyBytes(value)));
	}

	async scan(range: ScanRange): Promise<ScanPage> {
		const { start, end, reverse, limit, maxBytes, keysOnly } = range;
		await this.#ready();
		const iterator = this.#db.iterator({
			gte: this.#key(start),
			lt: this.#key(end),
			reverse: reverse === true,
			values: keysOnly !== true,
			// One more than asked for says whether there is more.
			limit: limit + 1,
			...ENCODING,
		});
		const filling = new PageFilling(range);
		try {
			// Where bytes bound the page, few rows at a time: a row that is read too much is read for nothing.
			let fetch = maxBytes === undefined ? Math.min(limit + 1, MAX_FETCH) : Math.min(limit + 1, 16);
			for (;;) {
				const pairs = await iterator.nextv(fetch);
				if (pairs.length === 0) return filling.page(false);
				for (const [key, value] of pairs) {
					const wanted = keysOnly === true ? undefined : value;
					if (!filling.fits(wanted?.length ?? 0)) return filling.page(true);
					const copy = wanted === undefined ? undefined : copyBytes(wanted);
					filling.add(copyBytes(key.subarray(this.#prefix.length)), copy);
				}
				fetch = Math.min(fetch * 2, MAX_FETCH);
			}
		} finally {
			await iterator.close();
		}
	}

	async commit(batch: HostBatch): Promise<HostCommit> {
		checkBatch(batch, this.limits);
		await this.#ready();
		return this.#shared.mutex.run(async () => {
			const { checks, deletes, puts, durability } = batch;
			if (checks.length > 0) {
				const found = await this.#getMany(checks.map(({ key }) => key));
				for (const [check, { value }] of checks.entries()) {
					const current = found[check];
					if (!sameBytes(current, value)) return { applied: false, check, current };
				}
			}
			const operations: object[] = [];
			for (const key of deletes) operations.push({ type: "del", key: this.#key(key) });
			for (const { key, value } of puts) operations.push({ type: "put", key: this.#key(key), value });
			if (operations.length > 0) {
				try {
					await this.#db.batch(operations, { ...ENCODING, sync: durability === "strict" });
				} catch (error) {
					throw new StreamkitError("UNAVAILABLE", `host "level": the batch failed: ${describe(error)}`, {
						cause: error,
						details: { applied: "unknown" },
					});
				}
			}
			return { applied: true };
		});
	}

	watch(changed: () => void): () => void {
		return watch(this.#shared.watchers, changed);
	}

	notify(): void {
		tell(this.#shared.watchers);
	}
}

/**
 * A host over any abstract-level database (version 1 and later) in one process, such as classic-level, browser-level or
 * memory-level. All keys start with prefix (default: none), and nothing else may write below it. Stores of one process
 * may share a database; singleWriter (default false) asserts that only one is open on it, which saves reads. Closing
 * the database is the caller's business.
 * @throws INVALID_ARGUMENT for anything that is not such a database.
 */
export function levelHost(
	db: { status: string; batch: unknown; iterator: unknown; getMany: unknown },
	options?: { prefix?: Uint8Array | undefined; singleWriter?: boolean | undefined },
): HostKv {
	if (typeof db !== "object" || db === null || typeof db.status !== "string")
		throw invalid("db", "must be an abstract-level database");
	for (const call of ["batch", "iterator", "getMany"] as const) {
		if (typeof db[call] !== "function") throw invalid(`db.${call}`, "must be a function");
	}
	const { prefix, singleWriter } = optionsObject(options);
	if (prefix !== undefined && !isUint8Array(prefix)) throw invalid("prefix", "must be a Uint8Array");
	return new LevelHost(
		db as unknown as Level,
		prefix === undefined ? new Uint8Array(0) : copyBytes(prefix),
		optionalBoolean("singleWriter", singleWriter, false),
	);
}
