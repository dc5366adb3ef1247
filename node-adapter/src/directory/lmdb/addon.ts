// What the package offers beside its type declarations. Everything that is not declared there is listed here and
// nowhere else; docs/durability.md says why each is needed.
import * as lmdb from "lmdb";

/** The part of a read transaction of the `lmdb` package that is used here. */
export interface ReadTransaction {
	readonly address: number;
	renew(): void;
	abort(): void;
}

interface Addon {
	readonly Env: new () => Handle;
	readonly Txn: new (env: object, flags: number) => ReadTransaction;
	resetTxn(address: number): void;
}

/** An environment as the addon has it. */
export interface Handle {
	open(options: object, flags: number, ownFlags: number): unknown;
	close(): void;
}

interface EnvironmentInfo {
	readonly lastPageNumber: number;
}

/** Of the tree of rows. */
interface Statistics {
	readonly pageSize: number;
	readonly treeBranchPageCount: number;
	readonly treeLeafPageCount: number;
}

/** An open environment, by what is called of it. */
export interface Store {
	readonly env: {
		info(): EnvironmentInfo;
		stat(): Statistics;
		/** A line for each reader: its process, its thread, and the commit that it reads, or "-". */
		readerList(): readonly string[];
	};
	readonly lastSize: number;
	getBinaryFast(key: Uint8Array, options?: { transaction?: ReadTransaction }): Uint8Array | undefined;
	getRange(options: RangeOptions): Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }>;
	getKeys(options: RangeOptions): Iterable<Uint8Array>;
	put(key: Uint8Array, value: Uint8Array): unknown;
	remove(key: Uint8Array): unknown;
	transactionSync<T>(action: () => T, flags: number): T;
	getWriteTxnId(): number;
	readerCheck(): number;
	close(): Promise<void>;
}

/** Of reads of ranges. */
export interface RangeOptions {
	transaction?: ReadTransaction;
	start?: Uint8Array;
	end?: Uint8Array;
	exclusiveStart?: boolean;
	inclusiveEnd?: boolean;
	reverse?: boolean;
}

export const { nativeAddon, allDbs } = lmdb as unknown as { nativeAddon: Addon; allDbs: Map<string, unknown> };
