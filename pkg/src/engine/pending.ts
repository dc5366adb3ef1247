import { fromEngine, isAborted } from "../errors.js";
import type { EngineCall } from "./abi.js";

/** What a call is to the store: close waits for writes and ends the rest; a signal ends reads and waits at once. */
export type Kind = "read" | "wait" | "write";

/** A call that has no answer yet. */
export class Pending {
	readonly kind: Kind;
	readonly reject: (reason: unknown) => void;
	/** Ends a wait as if something had changed. */
	readonly wake: (() => void) | undefined;
	settled = false;
	previous: Pending | undefined;
	next: Pending | undefined;
	signal: AbortSignal | undefined;
	/** Stops heeding the signal. */
	unheed: (() => void) | undefined;

	constructor(kind: Kind, reject: (reason: unknown) => void, wake?: () => void) {
		this.kind = kind;
		this.reject = reject;
		this.wake = wake;
	}

	/** Rejects with the engine's error; where the call was taken back for a signal's sake, with the signal's reason. */
	fail(error: unknown): void {
		const { signal } = this;
		this.reject(isAborted(error) && signal?.aborted === true ? signal.reason : fromEngine(error));
	}
}

/** Makes a call's result of the numbers that answer it. */
export type Made<T> = (a: number, b: number, c: number, d: number, e: number) => T;

/** A write that the engine answers by itself. */
export class PendingWrite<T> extends Pending implements EngineCall {
	readonly #settle: (pending: Pending, error?: unknown) => void;
	readonly #resolve: (value: T) => void;
	readonly #made: Made<T>;

	constructor(
		settle: (pending: Pending, error?: unknown) => void,
		made: Made<T>,
		resolve: (value: T) => void,
		reject: (reason: unknown) => void,
	) {
		super("write", reject);
		this.#settle = settle;
		this.#made = made;
		this.#resolve = resolve;
	}

	answer(a: number, b: number, c: number, d: number, e: number): void {
		if (this.settled) return;
		this.#settle(this);
		this.#resolve(this.#made(a, b, c, d, e));
	}

	refuse(error: unknown): void {
		if (this.settled) return;
		this.#settle(this, error);
		this.fail(error);
	}
}

/** All calls of a store that have no answer yet, in a list. */
export class PendingCalls {
	#first: Pending | undefined;
	#count = 0;
	#writes = 0;
	#idle: (() => void) | undefined;
	#written: (() => void) | undefined;

	get count(): number {
		return this.#count;
	}

	/** How many of them are writes. */
	get writes(): number {
		return this.#writes;
	}

	add(pending: Pending): void {
		pending.next = this.#first;
		if (this.#first !== undefined) this.#first.previous = pending;
		this.#first = pending;
		this.#count++;
		if (pending.kind === "write") this.#writes++;
	}

	/** Takes out one that is settled with this. */
	settle(pending: Pending): void {
		pending.settled = true;
		if (pending.previous !== undefined) pending.previous.next = pending.next;
		else this.#first = pending.next;
		if (pending.next !== undefined) pending.next.previous = pending.previous;
		// One that lives on as garbage must not keep those alive that were its neighbours.
		pending.previous = undefined;
		pending.next = undefined;
		pending.unheed?.();
		this.#count--;
		if (pending.kind === "write") this.#writes--;
		if (this.#count === 0) this.#idle?.();
		if (this.#writes === 0) this.#written?.();
	}

	/** Resolves when the last call is settled: there are some. */
	idle(): Promise<void> {
		return new Promise((resolve) => {
			this.#idle = resolve;
		});
	}

	/** Resolves when the last write is settled: there are some. */
	written(): Promise<void> {
		return new Promise((resolve) => {
			this.#written = resolve;
		});
	}

	/** The newest first; each may be settled meanwhile. */
	*[Symbol.iterator](): Iterator<Pending> {
		for (let pending = this.#first; pending !== undefined; ) {
			const { next } = pending;
			yield pending;
			pending = next;
		}
	}
}
