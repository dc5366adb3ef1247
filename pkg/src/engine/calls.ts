import { onAbort } from "../common/abort.js";
import { soon } from "../common/microtasks.js";
import { closedError, fromEngine, type StreamkitError } from "../errors.js";
import type { Engine, EngineCall } from "./abi.js";
import type { Instance } from "./instance.js";
import { type Kind, type Made, Pending, PendingCalls, PendingWrite } from "./pending.js";
import { isTrap, lostError, trapError } from "./traps.js";

/** The calls of one store: each goes to the instance that is there, and is rejected when that traps. */
export abstract class EngineCalls {
	protected instance: Instance | undefined;
	/** The instance that makes way for another, until its last call is settled. */
	protected leaving: Instance | undefined;
	protected closing: Promise<void> | undefined;
	protected readonly pending = new PendingCalls();
	/** The last number that was given to a call which may be cancelled. */
	#lastTag = 0;

	/** The full engine. */
	abstract full(): Promise<Engine>;

	/** The engine, or undefined when it has to be recovered first. */
	get engine(): Engine | undefined {
		return this.instance?.engine;
	}

	/** Whether the host takes time to answer, so that it pays to ask early. */
	get hostWaits(): boolean {
		return this.instance?.waits() ?? false;
	}

	/** Whether the engine that is there has everything in it. */
	get isFull(): boolean {
		return this.instance?.variant === "full";
	}

	get closed(): boolean {
		return this.closing !== undefined;
	}

	/** A number for the next request that may be cancelled. */
	nextTag(): number {
		return ++this.#lastTag;
	}

	/**
	 * Runs one asynchronous call of the engine, which must be there. `start` runs before this returns, so buffers it
	 * hands over may be used again afterwards. With a signal, tag is the number that the call was given; of a write
	 * the engine's answer is waited for, everything else is left at once.
	 */
	run<T>(kind: Kind, start: (engine: Engine) => Promise<T>, signal?: AbortSignal, tag = 0): Promise<T> {
		return new Promise((resolve, reject) => {
			// Nobody needs what a wait gives.
			const wake = kind === "wait" ? () => resolve(undefined as T) : undefined;
			const pending = new Pending(kind, reject, wake);
			this.#start(pending, signal, tag, start)?.then(
				(value) => {
					if (pending.settled) return;
					this.settle(pending);
					resolve(value);
				},
				(error: unknown) => {
					if (pending.settled) return;
					this.settle(pending, error);
					pending.fail(error);
				},
			);
		});
	}

	/**
	 * Runs one write that the engine answers by itself: with a promise less for each of a thousand in flight. `start` as
	 * of run, with the call and its tag; `made` makes the result of what the engine answers.
	 */
	write<T>(
		start: (engine: Engine, call: EngineCall, tag: number) => void,
		made: Made<T>,
		signal: AbortSignal | undefined,
	): Promise<T> {
		return new Promise((resolve, reject) => {
			const tag = signal === undefined ? 0 : this.nextTag();
			const pending = new PendingWrite(this.#settled, made, resolve, reject);
			this.#start(pending, signal, tag, (engine) => start(engine, pending, tag));
		});
	}

	/** Starts a call, unless it is refused; undefined where it has failed. */
	#start<R>(
		pending: Pending,
		signal: AbortSignal | undefined,
		tag: number,
		start: (engine: Engine) => R,
	): R | undefined {
		const engine = this.instance?.engine;
		if (this.closing !== undefined || engine === undefined) {
			pending.reject(this.closing === undefined ? lostError() : closedError());
			return undefined;
		}
		// A signal that has fired tells nobody again.
		if (signal?.aborted === true) {
			pending.reject(signal.reason);
			return undefined;
		}
		this.begin(pending);
		let started: R;
		try {
			started = start(engine);
		} catch (error) {
			const reason = this.thrown(engine, error);
			if (!pending.settled) {
				this.settle(pending);
				pending.reject(reason);
			}
			return undefined;
		}
		if (signal !== undefined && !pending.settled) {
			pending.signal = signal;
			const aborted = (): void => {
				if (tag > 0) this.#cancel(engine, tag);
				if (pending.kind === "write" || pending.settled) return;
				this.settle(pending);
				pending.reject(signal.reason);
			};
			// The host is asked from within the start, and may be what fires it.
			if (signal.aborted) aborted();
			else pending.unheed = onAbort(signal, aborted);
		}
		return started;
	}

	/** A synchronous call of the engine, which must be there. */
	now<T>(call: (engine: Engine) => T): T {
		if (this.closing !== undefined) throw closedError();
		const engine = this.instance?.engine;
		if (engine === undefined) throw lostError();
		try {
			return call(engine);
		} catch (error) {
			throw this.thrown(engine, error);
		}
	}

	/** Cancels a queued write or a wait by its number; of no effect on anything else. */
	cancel(tag: number): void {
		const engine = this.instance?.engine;
		if (engine !== undefined) this.#cancel(engine, tag);
	}

	#cancel(engine: Engine, tag: number): void {
		// What waits in one that makes way can still be taken back.
		if (this.instance?.engine !== engine && this.leaving?.engine !== engine) return;
		try {
			engine.cancel(tag);
		} catch (error) {
			this.thrown(engine, error);
		}
	}

	#hint(): void {
		try {
			if (this.engine !== undefined) this.now((engine) => engine.hint());
		} catch {
			// What is lost, or closed, has nobody left who waits.
		}
	}

	/** Lets go of an instance that trapped. */
	protected lost(instance: Instance, reason: unknown): void {
		instance.unwatch();
		if (this.instance !== instance && this.leaving !== instance) return;
		if (this.instance === instance) this.instance = undefined;
		this.rejectAll(() => true, reason);
	}

	/** Takes what a call into the engine threw: a trap ends the instance, anything else is the answer. */
	protected thrown(engine: Engine, error: unknown): StreamkitError {
		if (!isTrap(error)) return fromEngine(error);
		const instance = [this.instance, this.leaving].find((one) => one?.engine === engine);
		const reason = trapError(error, instance?.lastWords());
		if (instance !== undefined) {
			instance.stop();
			this.lost(instance, reason);
		}
		return reason;
	}

	protected rejectAll(which: (pending: Pending) => boolean, reason: unknown): void {
		for (const pending of this.pending) {
			if (!which(pending)) continue;
			this.settle(pending);
			pending.reject(reason);
		}
	}

	protected begin(pending: Pending): void {
		this.pending.add(pending);
		if (this.pending.count === 1) this.instance?.timers.hold(true);
	}

	readonly #settled = (pending: Pending, error?: unknown): void => this.settle(pending, error);

	protected settle(pending: Pending, error?: unknown): void {
		const { importing, applied } = detailsOf(error);
		// What a broken-off import left is removed by the full engine: the next try finds it.
		if (importing === true && !this.isFull) this.full().catch(() => {});
		// It may be stored, and whoever waits where nobody else may write has no other reason to look.
		if (pending.kind === "write" && applied === "unknown") soon(() => this.#hint());
		this.pending.settle(pending);
		if (this.pending.count === 0) this.instance?.timers.hold(false);
	}
}

/** What the engine says of an error, which may be none. */
function detailsOf(error: unknown): { readonly importing?: unknown; readonly applied?: unknown } {
	return (error as { details?: object } | undefined)?.details ?? {};
}
