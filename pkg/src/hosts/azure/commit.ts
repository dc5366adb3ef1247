import { type Bytes, copyBytes, sameBytes, toHex } from "../../common/bytes.js";
import { StreamkitError } from "../../errors.js";
import type { HostBatch, HostCommit } from "../../host.js";
import { tooMuch } from "../limits.js";
import type { Birth } from "./birth.js";
import type { Action } from "./client.js";
import { GONE, MARK, propertiesOf, type Stored } from "./entity.js";
import type { Failure } from "./failures.js";
import { MOST_OPERATIONS } from "./limits.js";
import type { Memory } from "./memory.js";
import { type Place, type Places, REMOVALS } from "./places.js";
import { readRow } from "./read.js";
import { type Session, unanswered, unknown } from "./session.js";

/** Rows besides the guarded ones that are looked at to find out about a lost answer. */
const WITNESSES = 2;

/** What a commit does to one row. */
type Change =
	| { readonly kind: "put"; readonly value: Bytes }
	| { readonly kind: "delete" }
	/** Looked at only. */
	| { readonly kind: "keep" }
	/** The partition's row of removals. */
	| { readonly kind: "removals" };

/** An operation, and what of it is to be remembered or cleaned up. */
interface Operation {
	readonly action: Action;
	readonly row: string;
	/** What the row holds afterwards; undefined: nothing. */
	readonly value: Uint8Array | undefined;
	/** The row stands for none, and may be removed. */
	readonly leftover: boolean;
}

interface Check {
	readonly row: string;
	readonly value: Bytes | undefined;
}

/**
 * One commit: one entity group transaction, bound to the ETags of the rows that were checked. Where no row was, it is
 * bound to the state of one that it writes: a transaction that is sent again after a lost answer can then never be
 * carried out twice.
 */
export class Commit {
	readonly #session: Session;
	readonly #memory: Memory;
	readonly #birth: Birth;
	readonly #partition: string;
	readonly #changes = new Map<string, Change>();
	readonly #checks: readonly Check[];
	/** The rows that the transaction is bound to, as they were seen. */
	#bases = new Map<string, Stored | undefined>();
	/** Recognises what this commit wrote. */
	readonly #mark = toHex(crypto.getRandomValues(new Uint8Array(12)));
	/** Why it is not known whether the transaction was carried out. */
	#unclear: { readonly cause: unknown } | undefined;

	constructor(session: Session, memory: Memory, birth: Birth, places: Places, batch: HostBatch) {
		this.#session = session;
		this.#memory = memory;
		this.#birth = birth;
		let partition: string | undefined;
		const rowOf = (key: Bytes): string => {
			const place: Place = places.of(key);
			if (partition !== undefined && partition !== place.partition) {
				throw new StreamkitError(
					"UNSUPPORTED",
					'host "azure-table": one commit covers the rows of one space, not of several',
					{ details: { applied: false } },
				);
			}
			partition = place.partition;
			return place.row;
		};
		const change = (key: Bytes, what: Change): void => {
			const row = rowOf(key);
			if (this.#changes.has(row)) {
				throw new StreamkitError("INVALID_ARGUMENT", "batch: no key may be in two operations", {
					details: { applied: false },
				});
			}
			this.#changes.set(row, what);
		};
		for (const { key, value } of batch.puts) change(key, { kind: "put", value });
		for (const key of batch.deletes) change(key, { kind: "delete" });
		this.#checks = batch.checks.map(({ key, value }) => ({ row: rowOf(key), value }));
		for (const { row } of this.#checks) if (!this.#changes.has(row)) this.#changes.set(row, { kind: "keep" });
		if (batch.deletes.length > 0) this.#changes.set(REMOVALS, { kind: "removals" });
		if (this.#changes.size > MOST_OPERATIONS)
			throw tooMuch("operations of one commit", MOST_OPERATIONS, this.#changes.size);
		this.#partition = partition ?? "";
	}

	async run(): Promise<HostCommit> {
		await this.#bind();
		for (let tries = 0; ; tries++) {
			const refusal = this.#refusal();
			if (refusal !== undefined) {
				if (this.#unclear !== undefined) throw unknown(this.#unclear.cause);
				return refusal;
			}
			const operations = this.#operations();
			let failure: Failure;
			try {
				const { subResponses } = await this.#session.once((abortSignal) =>
					this.#session.client.submitTransaction(
						operations.map(({ action }) => action),
						{ abortSignal },
					),
				);
				if (subResponses.length !== operations.length) throw new Error("an answer that is not whole");
				await this.#done(operations, (i) => subResponses[i]?.etag);
				return { applied: true };
			} catch (error) {
				failure = this.#session.failure(error);
			}
			for (const { row } of operations) this.#memory.forget(this.#partition, row);
			if (failure.kind === "refused") throw this.#unclear === undefined ? failure.error : unknown(this.#unclear.cause);
			if (failure.kind === "unclear") this.#unclear = failure;
			if (failure.kind !== "conflict") {
				await this.#session.pause(tries, failure.kind === "busy" ? failure.retryAfter : 0);
				if (this.#session.expired) {
					throw this.#unclear === undefined ? unanswered(failure.cause) : unknown(this.#unclear.cause);
				}
			} else if (tries > 1) {
				await this.#session.pause(tries);
			}
			if (failure.kind === "busy" && this.#unclear === undefined) continue;
			if (await this.#lookAgain(operations, failure)) return { applied: true };
		}
	}

	/** Gets to know the checked rows; or picks a row to be bound to, which is taken for missing until it is seen. */
	async #bind(): Promise<void> {
		await Promise.all(
			this.#checks.map(async ({ row, value }) => {
				const known = this.#memory.get(this.#partition, row);
				if (value === undefined) this.#bases.set(row, undefined);
				else if (known !== undefined && sameBytes(known.value, value)) this.#bases.set(row, known);
				else this.#bases.set(row, await readRow(this.#session, this.#partition, row));
			}),
		);
		if (this.#checks.some(({ row, value }) => value !== undefined && this.#bases.get(row)?.value === undefined))
			await this.#birth.confirm(this.#session);
		if (this.#checks.length > 0) return;
		for (const kind of ["put", "removals"] as const) {
			for (const [row, change] of this.#changes) {
				if (change.kind !== kind) continue;
				this.#bases.set(row, this.#memory.get(this.#partition, row));
				return;
			}
		}
	}

	/** A check that does not hold for the row as it was seen. */
	#refusal(): HostCommit | undefined {
		for (const [check, { row, value }] of this.#checks.entries()) {
			const base = this.#bases.get(row);
			if (!sameBytes(base?.value, value)) {
				return { applied: false, check, current: base?.value === undefined ? undefined : copyBytes(base.value) };
			}
		}
		return undefined;
	}

	#operations(): Operation[] {
		const partitionKey = this.#partition;
		return [...this.#changes].map(([rowKey, change]): Operation => {
			const keys = { partitionKey, rowKey };
			const bound = this.#bases.has(rowKey);
			const base = this.#bases.get(rowKey);
			if (change.kind === "put" || change.kind === "removals") {
				const value = change.kind === "put" ? change.value : undefined;
				const entity = { ...keys, ...(value === undefined ? {} : propertiesOf(value)), [MARK]: this.#mark };
				const action: Action = !bound
					? ["upsert", entity, "Replace"]
					: base === undefined
						? ["create", entity]
						: ["update", entity, "Replace", { etag: base.etag }];
				return { action, row: rowKey, value, leftover: false };
			}
			if (change.kind === "keep" && base?.value !== undefined) {
				const { etag, value } = base;
				const action: Action = ["update", { ...keys, [MARK]: this.#mark }, "Merge", { etag }];
				return { action, row: rowKey, value, leftover: false };
			}
			if (!bound) return { action: ["delete", keys], row: rowKey, value: undefined, leftover: false };
			// A delete cannot be bound to an ETag, and nothing is bound to what is missing: a row that stands for none can.
			const entity = { ...keys, [GONE]: true, [MARK]: this.#mark };
			const action: Action =
				base === undefined ? ["create", entity] : ["update", entity, "Replace", { etag: base.etag }];
			return { action, row: rowKey, value: undefined, leftover: true };
		});
	}

	/** Keeps what is now known, and removes rows that stand for none. */
	async #done(operations: readonly Operation[], etagOf: (operation: number) => string | undefined): Promise<void> {
		const leftovers: Promise<unknown>[] = [];
		for (const [i, { row, value, leftover }] of operations.entries()) {
			const etag = etagOf(i);
			const wanted = this.#bases.has(row) && value !== undefined && etag !== undefined;
			if (wanted) this.#memory.keep(this.#partition, row, { etag, value, mark: this.#mark });
			else if (value === undefined) this.#memory.gone(this.#partition, row);
			else this.#memory.forget(this.#partition, row);
			if (leftover && etag !== undefined) leftovers.push(this.#remove(row, etag));
		}
		await Promise.all(leftovers);
	}

	/** Best effort: what stays is not shown, and replaced when its key is written again. */
	async #remove(rowKey: string, etag: string): Promise<void> {
		const { client } = this.#session;
		if (typeof client.deleteEntity !== "function") return;
		try {
			await this.#session.once(async (abortSignal) =>
				client.deleteEntity?.(this.#partition, rowKey, { etag, abortSignal }),
			);
		} catch {
			// Taken by another commit, or out of reach.
		}
	}

	/** Reads again what the transaction was bound to. Gives whether it turns out to have been carried out. */
	async #lookAgain(operations: readonly Operation[], failure: Failure): Promise<boolean> {
		const before = this.#bases;
		const after = await this.#found(this.#read(before.keys()));
		const isMine = (row: Stored | undefined): boolean => row?.mark === this.#mark;
		if ([...after.values()].some(isMine)) {
			await this.#done(operations, (i) => {
				const row = after.get(operations[i]?.row ?? "");
				return isMine(row) ? row?.etag : undefined;
			});
			return true;
		}
		if ([...before].some(([row, base]) => base?.value !== undefined && after.get(row)?.value === undefined))
			await this.#found(this.#birth.confirm(this.#session));
		const moved = [...before].some(([row, base]) => base?.etag !== after.get(row)?.etag);
		if (moved && this.#unclear !== undefined) {
			// Either somebody else was first, or this commit was and somebody has written since.
			if (await this.#isWitnessed(isMine)) return true;
			throw unknown(this.#unclear.cause);
		}
		this.#bases = after;
		if (!moved && failure.kind === "conflict") await this.#bindMissing(operations, failure.operation);
		return false;
	}

	/** What a look finds; one that fails leaves open what was not clear before it. */
	async #found<T>(look: Promise<T>): Promise<T> {
		try {
			return await look;
		} catch (error) {
			throw this.#unclear === undefined ? error : unknown(this.#unclear.cause);
		}
	}

	async #read(rows: Iterable<string>): Promise<Map<string, Stored | undefined>> {
		return new Map(
			await Promise.all(
				[...rows].map(
					async (row): Promise<[string, Stored | undefined]> => [
						row,
						await readRow(this.#session, this.#partition, row),
					],
				),
			),
		);
	}

	/** Whether another row that the commit put is still as it left it. */
	async #isWitnessed(isMine: (row: Stored | undefined) => boolean): Promise<boolean> {
		const others = [...this.#changes].filter(([row, { kind }]) => kind === "put" && !this.#bases.has(row));
		const rows = others.slice(0, WITNESSES).map(([row]) => row);
		try {
			return [...(await this.#read(rows)).values()].some(isMine);
		} catch {
			return false;
		}
	}

	/** A row that is to be removed and is missing makes a transaction fail: it is bound to being missing instead. */
	async #bindMissing(operations: readonly Operation[], failed: number | undefined): Promise<void> {
		const removed = operations.filter(({ action }) => action[0] === "delete").map(({ row }) => row);
		const named = failed === undefined ? undefined : operations[failed]?.row;
		const rows = await this.#read(named !== undefined && removed.includes(named) ? [named] : removed);
		for (const [row, found] of rows) if (found?.value === undefined) this.#bases.set(row, found);
	}
}
