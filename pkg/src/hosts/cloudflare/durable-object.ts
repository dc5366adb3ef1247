import { optionsObject } from "../../common/validate.js";
import { describe, invalid } from "../../errors.js";
import type { HostKv } from "../../host.js";
import { storageFailure } from "./failures.js";
import { KeyValueHost, type KeyValueStorage } from "./key-value-host.js";
import { type Sql, SqlHost, type SqlStorage } from "./sql-host.js";

/** Options of durableObjectHost. */
export interface DurableObjectOptions {
	/**
	 * Which of several stores in the one storage: up to 64 of a-z, 0-9 and "_". Default: the one without a name.
	 */
	name?: string | undefined;
}

/** The SQL of an object that has it. Which API holds the data must not depend on a passing failure. */
function sqlOf(storage: { sql?: unknown }): Sql | undefined {
	try {
		const sql = storage.sql as Partial<Sql> | null | undefined;
		if (typeof sql?.exec !== "function") return undefined;
		sql.exec("SELECT 1");
		return sql as Sql;
	} catch (error) {
		if (/not enabled/i.test(describe(error))) return undefined;
		throw storageFailure("durable-object", "open", error);
	}
}

/**
 * A host in the storage of a Durable Object: `durableObjectHost(ctx.storage)`. Objects of a class with SQLite keep
 * small rows in one table and large ones in another, others use the key-value API. Several stores of one object may be
 * open at once, each on any number of hosts. strict: a commit is answered when storage.sync() is done; relaxed: at
 * once, and the platform's output gate still holds responses back until it is stored.
 * @throws INVALID_ARGUMENT for anything that is not such a storage.
 */
export function durableObjectHost(
	storage: { sql?: unknown; get: unknown; put: unknown; list: unknown; sync(): Promise<void> },
	options?: DurableObjectOptions,
): HostKv {
	if (typeof storage !== "object" || storage === null)
		throw invalid("storage", "must be the storage of a Durable Object");
	for (const call of ["get", "put", "list", "sync"] as const) {
		if (typeof storage[call] !== "function") throw invalid(`storage.${call}`, "must be a function");
	}
	const { name } = optionsObject(options);
	if (name !== undefined && (typeof name !== "string" || !/^[a-z0-9_]{1,64}$/.test(name)))
		throw invalid("name", "must be 1 to 64 of a-z, 0-9 and _");
	const sql = sqlOf(storage);
	if (sql === undefined) {
		if (typeof (storage as { transaction?: unknown }).transaction !== "function")
			throw invalid("storage.transaction", "must be a function");
		return new KeyValueHost(storage as unknown as KeyValueStorage, name);
	}
	if (typeof (storage as { transactionSync?: unknown }).transactionSync !== "function")
		throw invalid("storage.transactionSync", "must be a function");
	return new SqlHost(storage as unknown as SqlStorage, sql, name);
}
