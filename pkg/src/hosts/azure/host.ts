import { type Bytes, isUint8Array, sameBytes, toHex } from "../../common/bytes.js";
import { optionalDuration, optionsObject } from "../../common/validate.js";
import { closedError, describe, invalid, StreamkitError } from "../../errors.js";
import type { HostBatch, HostCommit, HostKv, HostLimits, ScanPage, ScanRange } from "../../host.js";
import { checkBatch, tooMuch } from "../limits.js";
import { Birth } from "./birth.js";
import { sendOnce, type TableClient } from "./client.js";
import { Commit } from "./commit.js";
import { LIMITS, MOST_PREFIX } from "./limits.js";
import { Memory } from "./memory.js";
import { type Place, Places } from "./places.js";
import { readKeys, type Wide } from "./read.js";
import { scanRange } from "./scan.js";
import { Session } from "./session.js";

const RECOVERY_INTERVAL = 300_000;
/** Spaces that are known to stand in the directory. */
const MOST_KNOWN = 10_000;

class AzureTableHost implements HostKv {
	readonly name = "azure-table";
	readonly limits: HostLimits = LIMITS;
	readonly #client: TableClient;
	readonly #places: Places;
	readonly #memory = new Memory();
	readonly #birth: Birth;
	readonly #listed = new Set<string>();
	readonly #wide: Wide = new Set();
	#recoveryInterval: number;
	#closed = false;

	constructor(client: TableClient, prefix: string, recoveryInterval: number) {
		this.#client = client;
		this.#places = new Places(prefix);
		this.#birth = new Birth(this.#places.birth);
		this.#recoveryInterval = recoveryInterval;
		sendOnce(client);
	}

	get recoveryInterval(): number {
		return this.#recoveryInterval;
	}

	#run<T>(call: (session: Session) => Promise<T>): Promise<T> {
		if (this.#closed) {
			const { code, message } = closedError('host "azure-table"');
			return Promise.reject(new StreamkitError(code, message, { details: { applied: false } }));
		}
		return Session.run(this.#client, async (session) => {
			this.#birth.require();
			return call(session);
		});
	}

	get(keys: readonly Bytes[]): Promise<(Uint8Array | undefined)[]> {
		return this.#run(async (session) => {
			await this.#birth.learn(session);
			const { values, rows } = await readKeys(session, this.#places, this.#wide, keys);
			const missing: Place[] = [];
			for (const key of keys) {
				if (!rows.has(toHex(key))) continue;
				const stored = rows.get(toHex(key));
				const place = this.#places.of(key);
				if (stored?.value === undefined) missing.push(place);
				else this.#memory.keep(place.partition, place.row, stored);
			}
			if (missing.some(({ partition, row }) => this.#memory.hasSeen(partition, row)))
				await this.#birth.confirm(session);
			for (const { partition, row } of missing) this.#memory.gone(partition, row);
			// Each belongs to the caller, also where a key was asked for twice.
			return values.map((value, i) => (values.indexOf(value) === i ? value : value?.slice()));
		});
	}

	scan(range: ScanRange): Promise<ScanPage> {
		return this.#run((session) => scanRange(session, this.#places, range));
	}

	commit(batch: HostBatch): Promise<HostCommit> {
		return this.#run(async (session) => {
			checkBatch(batch, this.limits);
			const { checks, deletes, puts } = batch;
			for (const { key } of checks)
				if (key.length > this.limits.maxKeyBytes) throw tooMuch("key bytes", this.limits.maxKeyBytes, key.length);
			if (deletes.length === 0 && puts.length === 0) return this.#look(session, batch);
			const commit = new Commit(session, this.#memory, this.#birth, this.#places, batch);
			if (checks.length > 0) await this.#birth.settle(session);
			await this.#list(session, batch);
			return commit.run();
		});
	}

	/** A commit of checks alone. */
	async #look(session: Session, { checks }: HostBatch): Promise<HostCommit> {
		const keys = checks.map(({ key }) => key);
		await this.#birth.learn(session);
		const { values } = await readKeys(session, this.#places, this.#wide, keys);
		for (const [check, { value }] of checks.entries()) {
			const current = values[check];
			if (sameBytes(current, value)) continue;
			if (current === undefined) await this.#birth.confirm(session);
			return { applied: false, check, current };
		}
		return { applied: true };
	}

	/** Writes a space's row of the directory before the first row of the space. */
	async #list(session: Session, { checks, puts }: HostBatch): Promise<void> {
		// A row that is there was written after the space was listed.
		if (puts.length === 0 || checks.some(({ value }) => value !== undefined)) return;
		const { partition, space } = this.#places.of(puts[0]?.key as Bytes);
		if (space === undefined || this.#listed.has(partition)) return;
		const entity = { partitionKey: this.#places.directory, rowKey: this.#places.directoryRow(space) };
		try {
			await session.repeat((abortSignal) =>
				this.#client.submitTransaction([["upsert", entity, "Merge"]], { abortSignal }),
			);
		} catch (error) {
			if (session.failure(error).kind !== "conflict") throw error;
			// Somebody else wrote it at the same time, most likely; it holds nothing that could differ.
			if ((await session.entity(entity.partitionKey, entity.rowKey)) === undefined) {
				throw new StreamkitError("UNAVAILABLE", `host "azure-table": a space cannot be listed: ${describe(error)}`, {
					cause: error,
					details: { applied: false },
				});
			}
		}
		if (this.#listed.size >= MOST_KNOWN) this.#listed.clear();
		this.#listed.add(partition);
	}

	close(): void {
		this.#closed = true;
		this.#recoveryInterval = 0;
	}
}

/**
 * A host on a table of Azure Table Storage. The table must exist. Any number of processes may have it open; a commit
 * covers one space. client: a TableClient of @azure/data-tables, used with no retries of its own for what the host
 * sends. prefix: what all partition keys begin with, so that several stores can share a table: up to 64 letters,
 * digits, ".", "_" and "-"; default "". recoveryInterval: how often, in milliseconds, an open store looks for
 * transactions over several spaces that others left unfinished; default 300000; 0: only when it is opened. It never
 * keeps a process alive. Closing the client is the caller's business.
 * @throws INVALID_ARGUMENT for anything that is not such a client, and for options that break these rules.
 */
export function azureTableHost(
	client: { submitTransaction: unknown; listEntities: unknown; getEntity: unknown },
	options?: { prefix?: string | undefined; recoveryInterval?: number | undefined },
): HostKv {
	if (typeof client !== "object" || client === null || isUint8Array(client))
		throw invalid("client", "must be a TableClient of @azure/data-tables");
	for (const call of ["submitTransaction", "listEntities", "getEntity"] as const) {
		if (typeof client[call] !== "function") throw invalid(`client.${call}`, "must be a function");
	}
	const { prefix = "", recoveryInterval } = optionsObject(options);
	if (typeof prefix !== "string" || prefix.length > MOST_PREFIX || !/^[A-Za-z0-9._-]*$/.test(prefix))
		throw invalid("prefix", `must be up to ${MOST_PREFIX} letters, digits, ".", "_" and "-"`);
	return new AzureTableHost(
		client as unknown as TableClient,
		prefix,
		optionalDuration("recoveryInterval", recoveryInterval, RECOVERY_INTERVAL),
	);
}
