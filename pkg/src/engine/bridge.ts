import type { Bytes } from "../common/bytes.js";
import type { TimerCalls } from "../common/timers.js";
import { TIMESTAMP_END } from "../common/validate.js";
import { fromHost, invalid } from "../errors.js";
import { borrows, type HostKv, type HostLimits } from "../host.js";
import { answerChecks, isPromise, unheeded } from "../hosts/answers.js";
import type { MaybePromise } from "../types.js";
import {
	type Packed,
	packOutcome,
	packPage,
	packValues,
	unpackBatch,
	unpackKeys,
	unpackRange,
} from "./bridge-frames.js";

/**
 * What the engine calls. Byte arrays it passes are views of its memory, valid until the call returns, and what it lends
 * until the commit after it has.
 */
export interface Bridge {
	readonly name: string;
	readonly limits: HostLimits;
	/** Whether the host has answered with a promise: there is time for something else meanwhile. */
	readonly waits: boolean;
	get(keys: Uint8Array): MaybePromise<Packed>;
	scan(range: Uint8Array): MaybePromise<Packed>;
	/** The next of the values that stand apart in the commit that follows. */
	lend(value: Uint8Array): void;
	commit(batch: Uint8Array): MaybePromise<Bytes | undefined>;
	/** A compressed row as it is without compression; the light engine asks for it. */
	expand(row: Uint8Array): Promise<Bytes>;
	now(): number;
	fill(bytes: Uint8Array): void;
	startTimer(ms: number, callback: () => void): unknown;
	stopTimer(handle: unknown): void;
	notify(): void;
}

// An answer that arrives after the instance has trapped must not wake anything inside it.
function never<R>(): Promise<R> {
	return new Promise(() => {});
}

/** Wraps a host into what the engine calls: packs and unpacks, and refuses answers that break the host's contract. */
export function createBridge(
	host: HostKv,
	clock: () => number,
	timers: TimerCalls,
	alive: () => boolean = () => true,
	expand: (row: Bytes) => Promise<Bytes> = (row) => Promise.resolve(row),
): Bridge {
	const { name, limits } = host;
	const check = answerChecks(host);
	let waits = false;
	let lent: Bytes[] = [];

	/** Calls the host and packs its answer, at once when it gives no promise. */
	function run<T, R>(call: string, start: () => MaybePromise<T>, pack: (answer: T) => R): R | Promise<R> {
		let answer: MaybePromise<T>;
		try {
			answer = start();
		} catch (error) {
			throw fromHost(error, name, call);
		}
		if (!isPromise(answer)) return pack(answer);
		waits = true;
		// One that merely has a then may call back at once, or give nothing to go on with.
		return Promise.resolve(answer).then(
			(value) => (alive() ? pack(value) : never<R>()),
			(error: unknown) => {
				if (!alive()) return never<R>();
				throw fromHost(error, name, call);
			},
		);
	}

	return {
		name,
		limits,
		get waits() {
			return waits;
		},

		get(frame) {
			const keys = unpackKeys(frame);
			const count = keys.length;
			return run(
				"get",
				() => host.get(keys),
				(values) => packValues(check.get(values, count), count),
			);
		},

		scan(frame) {
			const range = unpackRange(frame);
			return run(
				"scan",
				() => host.scan(range),
				(page) => packPage(check.scan(page, range), range.keysOnly !== true),
			);
		},

		lend(value) {
			lent.push((borrows(host) ? value : value.slice()) as Bytes);
		},

		commit(frame) {
			const batch = unpackBatch(frame, lent);
			lent = [];
			return run(
				"commit",
				() => host.commit(batch),
				(answer) => packOutcome(check.commit(answer, batch.checks.length)),
			);
		},

		expand(row) {
			const copy = row.slice() as Bytes;
			return expand(copy).then(
				(expanded) => (alive() ? expanded : never<Bytes>()),
				(error: unknown) => (alive() ? Promise.reject(error) : never<Bytes>()),
			);
		},

		now() {
			const now = clock();
			if (typeof now !== "number" || !(now < TIMESTAMP_END)) {
				unheeded(now);
				throw invalid("clock", "must give milliseconds below 2^48");
			}
			return Math.floor(now);
		},

		fill(bytes) {
			crypto.getRandomValues(bytes as Bytes);
		},

		startTimer: (ms, callback) => timers.start(ms, callback),
		stopTimer: (handle) => timers.stop(handle as ReturnType<typeof setTimeout>),

		notify() {
			try {
				unheeded(host.notify?.());
			} catch {
				// A hint that is lost is within the contract; the commit it follows has been applied.
			}
		},
	};
}
