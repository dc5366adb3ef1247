import {
	checkSignal,
	optionalDurability,
	optionalInteger,
	optionalLease,
	optionalTrx,
	optionsObject,
} from "../common/validate.js";
import type { EngineLease } from "../engine/abi.js";
import type { EngineSlot } from "../engine/slot.js";
import type { Store } from "../store/types.js";
import type { ProduceOptions } from "../types.js";

// What all writes have in common: publish, produce, transact, and appends to streams.

/** What writers need of their store. */
export interface WriteContext {
	readonly slot: EngineSlot;
	readonly limits: Store["limits"];
}

/** Options of a write, checked. */
export interface WriteOptions {
	readonly signal: AbortSignal | undefined;
	/** -1: none. */
	readonly expected: number;
	readonly trxId: string | undefined;
	readonly trxNumber: number;
	readonly lease: EngineLease | undefined;
	readonly durability: number;
}

const PLAIN: WriteOptions = Object.freeze({
	signal: undefined,
	expected: -1,
	trxId: undefined,
	trxNumber: 0,
	lease: undefined,
	durability: 0,
});

/** Checks what all writes have in common. */
export function checkWriteOptions(input: ProduceOptions | undefined): WriteOptions {
	if (input === undefined) return PLAIN;
	const options = optionsObject(input);
	const trx = optionalTrx(options.trx);
	const durability = optionalDurability(options.durability);
	return {
		signal: checkSignal(options.signal),
		// The sequence after it must be a safe integer too.
		expected: optionalInteger("expectedSequence", options.expectedSequence, 0, -1, Number.MAX_SAFE_INTEGER - 1),
		trxId: trx?.id,
		trxNumber: trx?.number ?? 0,
		lease: optionalLease(options.lease),
		durability: durability === undefined ? 0 : durability === "strict" ? 1 : 2,
	};
}

/** Whether a write can be made at once. The light engine knows no leases. */
export function isReady(slot: EngineSlot, { lease }: WriteOptions): boolean {
	return slot.takesWrites(lease !== undefined);
}

/** Makes a write that has to wait for an engine. */
export function later<T>(slot: EngineSlot, { lease, signal }: WriteOptions, write: () => T | Promise<T>): Promise<T> {
	return slot.inLine(lease !== undefined, write, signal);
}
