import { type Bytes, sameBytes } from "../../common/bytes.js";
import { describe } from "../../errors.js";
import type { Health, HostBatch, HostCommit, HostKv, HostLimits, ScanPage, ScanRange } from "../../host.js";
import { checkBatch } from "../limits.js";
import { PageFilling } from "../page-filling.js";
import { isEmptyRange } from "../text-keys.js";
import { tell, watch } from "../watchers.js";
import { emptied, storageFailure, synced } from "./failures.js";
import { type Makings, makingsOf } from "./makings.js";
import { watchersOf } from "./storage-watchers.js";

type SqlValue = ArrayBuffer | string | number | null;

/** What is used of storage.sql. */
export interface Sql {
	exec(query: string, ...bindings: unknown[]): { raw(): IterableIterator<SqlValue[]> };
	readonly databaseSize: number;
}

/** What is used of the storage of an object with SQLite. */
export interface SqlStorage {
	transactionSync<T>(work: () => T): T;
	sync(): Promise<void>;
}

/** Key and value of a row together: the largest key and the largest value fit one row. */
const MAX_ROW_BYTES = 2_000_000;
const MAX_KEY_BYTES = 2048;
/**
 * Larger values stand in a table of their own, at the price of one more row written. SQLite reads the whole row for
 * every comparison of keys in a table without row ids, and for every step along it.
 */
const LARGE_BYTES = 16 << 10;
/** What SQLite adds to a row of two blobs, and more. */
const ROW_OVERHEAD = 16;
/** What one object may hold. */
const QUOTA = 10_000_000_000;

const LIMITS: HostLimits = Object.freeze<HostLimits>({
	maxKeyBytes: MAX_KEY_BYTES,
	maxValueBytes: MAX_ROW_BYTES - MAX_KEY_BYTES - ROW_OVERHEAD,
	maxBatchOps: 10_000,
	maxBatchBytes: 16 << 20,
	// Rows written are what is billed, whatever their size; but who wants one entry reads a whole block.
	blockBytes: 1 << 20,
	atomic: "store",
	checks: true,
	consistent: true,
	// Another store of this object may be open on the same rows.
	shared: true,
	compress: false,
});

/** Rows in an object's SQLite database. Everything answers at once but strict commits. */
export class SqlHost implements HostKv {
	readonly name = "durable-object";
	readonly limits = LIMITS;
	readonly #storage: SqlStorage;
	readonly #sql: Sql;
	readonly #table: string;
	readonly #large: string;
	readonly #watchers: Set<() => void>;
	readonly #makings: Makings;
	/** Which making of the tables this host works on; undefined before the first call that met them. */
	#making: number | undefined;

	static {
		Object.assign(SqlHost.prototype.commit, { borrows: true });
	}

	constructor(storage: SqlStorage, sql: Sql, name: string | undefined) {
		this.#storage = storage;
		this.#sql = sql;
		this.#table = name === undefined ? "streamkit" : `streamkit_${name}`;
		this.#large = name === undefined ? "streamkitlarge" : `streamkitlarge_${name}`;
		this.#watchers = watchersOf(storage, this.#table);
		this.#makings = makingsOf(storage, this.#table);
	}

	#createTables(): void {
		// Without row ids a row is one row to the bill; with them its key would be another.
		this.#sql.exec(
			`CREATE TABLE IF NOT EXISTS ${this.#table} (key BLOB PRIMARY KEY NOT NULL, value BLOB, large INTEGER) WITHOUT ROWID`,
		);
		this.#sql.exec(`CREATE TABLE IF NOT EXISTS ${this.#large} (id INTEGER PRIMARY KEY, value BLOB NOT NULL)`);
	}

	/**
	 * Runs what needs the tables. Where they are missing at first they are made; where they went later the host is over.
	 */
	#run<T>(call: string, work: () => T): T {
		try {
			if (this.#making !== undefined && this.#making !== this.#makings.count) throw emptied(this.name);
			const result = this.#withTables(work);
			this.#making = this.#makings.count;
			return result;
		} catch (error) {
			throw storageFailure(this.name, call, error);
		}
	}

	#withTables<T>(work: () => T): T {
		try {
			return work();
		} catch (error) {
			if (!/no such table/i.test(describe(error))) throw error;
			if (this.#making !== undefined) throw emptied(this.name);
			this.#createTables();
			this.#makings.count++;
			return work();
		}
	}

	/** Keys with their values, wherever they stand. */
	get #joined(): string {
		return `FROM ${this.#table} AS row LEFT JOIN ${this.#large} AS large ON large.id = row.large`;
	}

	#value(key: Bytes): Uint8Array | undefined {
		const query = `SELECT coalesce(row.value, large.value) ${this.#joined} WHERE row.key = ?`;
		for (const [value] of this.#sql.exec(query, key).raw()) return new Uint8Array(value as ArrayBuffer);
		return undefined;
	}

	get(keys: readonly Bytes[]): (Uint8Array | undefined)[] {
		return this.#run("get", () => keys.map((key) => this.#value(key)));
	}

	scan(range: ScanRange): ScanPage {
		if (isEmptyRange(range)) return { keys: [], values: [], more: false };
		return this.#run("scan", () => this.#scan(range));
	}

	#scan(range: ScanRange): ScanPage {
		const { start, end, reverse, limit, keysOnly } = range;
		const what =
			keysOnly === true
				? `row.key FROM ${this.#table} AS row`
				: `row.key, coalesce(row.value, large.value) ${this.#joined}`;
		const order = reverse === true ? "DESC" : "ASC";
		const rows = this.#sql.exec(
			`SELECT ${what} WHERE row.key >= ? AND row.key < ? ORDER BY row.key ${order} LIMIT ?`,
			start,
			end,
			limit + 1,
		);
		const filling = new PageFilling(range);
		for (const [key, value] of rows.raw()) {
			const wanted = keysOnly === true ? undefined : new Uint8Array(value as ArrayBuffer);
			if (!filling.fits(wanted?.length ?? 0)) return filling.page(true);
			filling.add(new Uint8Array(key as ArrayBuffer), wanted);
		}
		return filling.page(false);
	}

	commit(batch: HostBatch): HostCommit | Promise<HostCommit> {
		checkBatch(batch, this.limits);
		const answer = this.#run("commit", () => this.#storage.transactionSync(() => this.#apply(batch)));
		if (!answer.applied || batch.durability !== "strict") return answer;
		return synced(this.name, this.#storage).then(() => answer);
	}

	/** One statement per row: far below 100 bound parameters and 100 KB of text, and prepared once. */
	#apply({ checks, deletes, puts }: HostBatch): HostCommit {
		for (const [check, { key, value }] of checks.entries()) {
			const current = this.#value(key);
			if (!sameBytes(current, value)) return { applied: false, check, current };
		}
		for (const key of deletes) {
			this.#removeLarge(key);
			this.#sql.exec(`DELETE FROM ${this.#table} WHERE key = ?`, key);
		}
		for (const { key, value } of puts) {
			this.#removeLarge(key);
			if (value.length <= LARGE_BYTES) {
				this.#sql.exec(`INSERT OR REPLACE INTO ${this.#table} (key, value) VALUES (?, ?)`, key, value);
			} else {
				this.#sql.exec(`INSERT INTO ${this.#large} (value) VALUES (?)`, value);
				this.#sql.exec(`INSERT OR REPLACE INTO ${this.#table} (key, large) VALUES (?, last_insert_rowid())`, key);
			}
		}
		return { applied: true };
	}

	#removeLarge(key: Bytes): void {
		this.#sql.exec(`DELETE FROM ${this.#large} WHERE id = (SELECT large FROM ${this.#table} WHERE key = ?)`, key);
	}

	watch(changed: () => void): () => void {
		return watch(this.#watchers, changed);
	}

	notify(): void {
		tell(this.#watchers);
	}

	health(): Partial<Health> {
		return this.#run("health", () => {
			// Tells whether the tables are still there.
			this.#sql.exec(`SELECT 1 FROM ${this.#table} LIMIT 0`);
			return { persisted: true, usage: this.#sql.databaseSize, quota: QUOTA };
		});
	}
}
