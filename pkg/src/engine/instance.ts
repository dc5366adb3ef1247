import { onAbort, unlessAborted } from "../abort.js";
import { createBridge } from "../bridge.js";
import type { Bytes } from "../bytes.js";
import { closedError, describe, fromEngine, fromHost, StreamkitError } from "../errors.js";
import type { HostKv } from "../host.js";
import { unheeded } from "../host-answers.js";
import { type TimerCalls, Timers } from "../timers.js";
import type { CheckedOptions } from "../validate.js";
import type { Engine, EngineCall, EngineOptions, Glue } from "./abi.js";
import { Line } from "./line.js";
import { engineModule, firstVariant, type Variant } from "./loader.js";
import { pageMemory } from "./page-memory.js";
import { type Kind, type Made, Pending, PendingCalls, PendingWrite } from "./pending.js";

/** No instance counts its epochs this far. So the epochs of one, moved up by this, lie above all of the one before. */
const EPOCHS = 2 ** 36;

/** One wasm instance with everything that is bound to it. */
interface Instance {
	readonly variant: Variant;
	readonly state: { alive: boolean };
	readonly engine: Engine;
	readonly timers: Timers;
	readonly unwatch: () => void;
	/** Whether its host takes time to answer. */
	readonly waits: () => boolean;
	/** What it said when it panicked, if it did. */
	readonly lastWords: () => string | undefined;
}

/**
 * The engine of one store. An instance that traps is dropped, everything pending is rejected as UNAVAILABLE, and the
 * next call opens another on the same host: all that lasts lies there.
 */
export class EngineSlot {
	readonly host: HostKv;
	readonly options: CheckedOptions;
	#storeId: string | undefined;
	/** The variant that the next instance is opened with. */
	#variant: Variant;
	#instance: Instance | undefined;
	/** The instance that makes way for another, until its last call is settled. */
	#leaving: Instance | undefined;
	#opening: Promise<Engine> | undefined;
	#closing: Promise<void> | undefined;
	/** The calls that come with the full engine, once they are loaded. */
	#calls: object | undefined;
	readonly #pending = new PendingCalls();
	/** Called when the last write is settled, for whoever closes the store. */
	#drained: (() => void) | undefined;
	/** Called when the last call of any kind is settled, for the instance that makes way. */
	#idle: (() => void) | undefined;
	/** The last number that was given to a call which may be cancelled. */
	#tickets = 0;
	/** How many instances there have been. */
	#instances = 0;
	readonly #closers = new Set<() => void>();
	/** Writes that wait for an engine; before them, those that wait for the full one. */
	readonly #line = new Line();
	readonly #fullLine = new Line();

	constructor(host: HostKv, options: CheckedOptions) {
		this.host = host;
		this.options = options;
		this.#storeId = options.storeId;
		this.#variant = firstVariant(host.limits, options);
	}

	/** The engine, or undefined when it has to be recovered first. */
	get engine(): Engine | undefined {
		return this.#instance?.engine;
	}

	/** Whether the host takes time to answer, so that it pays to ask early. */
	get hostWaits(): boolean {
		return this.#instance?.waits() ?? false;
	}

	/** Whether the engine that is there has everything in it. */
	get isFull(): boolean {
		return this.#instance?.variant === "full";
	}

	get closed(): boolean {
		return this.#closing !== undefined;
	}

	/** Whether a write can be made at once: not while others wait that were called before it. full: as of inLine. */
	takesWrites(full: boolean): boolean {
		const isThere = this.#instance !== undefined && this.#closing === undefined && this.#line.isEmpty;
		return isThere && (this.isFull ? this.#fullLine.isEmpty : !full);
	}

	/** The engine, opened again if the last instance was lost. */
	ready(): Promise<Engine> {
		if (this.#closing !== undefined) return Promise.reject(closedError());
		if (this.#instance !== undefined) return Promise.resolve(this.#instance.engine);
		this.#opening ??= this.#open().finally(() => {
			this.#opening = undefined;
		});
		return this.#opening;
	}

	/** The full engine. A light one makes way for it: calls under way end first, and waits are ended as if woken. */
	async full(): Promise<Engine> {
		for (;;) {
			const engine = await this.ready();
			const instance = this.#instance;
			if (instance?.variant === "full") return engine;
			// Loaded before the light one goes, so that without a network everything else goes on.
			await this.unlessClosed(engineModule("full"));
			if (instance === undefined || this.#instance !== instance || this.#closing !== undefined) continue;
			this.#variant = "full";
			this.#instance = undefined;
			this.#opening = this.#replace(instance).finally(() => {
				this.#opening = undefined;
			});
		}
	}

	/** The calls that come with the full engine, where they are loaded. */
	get calls(): object | undefined {
		return this.#calls;
	}

	/** Loads them; with the options of a call, whose signal ends that. */
	async loadCalls(options: unknown): Promise<object> {
		const signal = (options as { signal?: unknown } | null | undefined)?.signal;
		const loading = this.unlessClosed(engineModule("full"));
		const { calls } = await unlessAborted(loading, signal instanceof AbortSignal ? signal : undefined);
		this.#calls = calls;
		return calls;
	}

	/** Opens the next instance once all calls of this one are settled. */
	async #replace(old: Instance): Promise<Engine> {
		this.#leaving = old;
		quietly(old.unwatch);
		for (const pending of this.#pending) {
			if (pending.wake === undefined) continue;
			this.#settle(pending);
			pending.wake();
		}
		if (this.#pending.count > 0) {
			await new Promise<void>((resolve) => {
				this.#idle = resolve;
			});
			this.#idle = undefined;
		}
		try {
			// One that trapped meanwhile answers nothing any more.
			if (old.state.alive) await this.#end(old);
		} catch {
			// All that lasts lies in the host, and every call is settled.
		}
		this.#leaving = undefined;
		if (this.#closing !== undefined) throw closedError();
		return this.#open();
	}

	/** Calls back when the store begins to close. Gives what takes that back. */
	onClose(callback: () => void): () => void {
		this.#closers.add(callback);
		return () => {
			this.#closers.delete(callback);
		};
	}

	/** The promise's outcome, or CLOSED as soon as the store begins to close. */
	unlessClosed<T>(promise: Promise<T>): Promise<T> {
		return new Promise((resolve, reject) => {
			const onClose = (): void => reject(closedError());
			if (this.#closing !== undefined) onClose();
			this.#closers.add(onClose);
			promise.then(resolve, reject).finally(() => this.#closers.delete(onClose));
		});
	}

	/** A number for the next request that may be cancelled. */
	ticket(): number {
		return ++this.#tickets;
	}

	async #open(): Promise<Engine> {
		const variant = this.#variant;
		const loaded = await engineModule(variant);
		if ("calls" in loaded) this.#calls = loaded.calls;
		const { module, createGlue } = loaded;
		const { host, options } = this;
		const timers = new Timers();
		const state = { alive: true, fail: (_: unknown): void => {} };
		let fallen: StreamkitError | undefined;
		const lastWords = (): string | undefined => lastWordsOf(glue);
		const trapped = (error: unknown): void => {
			if (!state.alive) return;
			state.alive = false;
			timers.clear();
			const reason = trapError(error, lastWords());
			fallen = reason;
			state.fail(reason);
			if (instance !== undefined) this.#lost(instance, reason);
		};
		/** Whatever calls into the engine may trap, and must not once it has. */
		const guard = (callback: () => void) => (): void => {
			if (!state.alive) return;
			try {
				callback();
			} catch (error) {
				trapped(error);
			}
		};
		const guarded = (callback: () => void): void => queueMicrotask(guard(callback));
		let instance: Instance | undefined;

		const glue = createGlue({ queueMicrotask: guarded, pageMemory });
		glue.initSync({ module });
		const guardedTimers: TimerCalls = {
			start: (ms, callback) => timers.start(ms, guard(callback)),
			stop: (handle) => timers.stop(handle),
		};
		const bridge = createBridge(host, options.clock, guardedTimers, () => state.alive, this.#expander());
		const engineOptions: EngineOptions = {
			storeId: this.#storeId,
			durability: options.durability,
			compression: options.compression,
			hostTimeout: options.hostTimeout,
			pollInterval: options.pollInterval,
			autoCompact: options.autoCompact,
		};
		timers.hold(true);
		const engine = await new Promise<Engine>((resolve, reject) => {
			state.fail = reject;
			try {
				glue.Engine.open(bridge, engineOptions).then(resolve, (error: unknown) => reject(fromEngine(error)));
			} catch (error) {
				if (isTrap(error)) trapped(error);
				else reject(fromEngine(error));
			}
		}).catch((error: unknown) => {
			state.alive = false;
			timers.clear();
			throw error;
		});
		// It may have trapped since it answered.
		if (fallen !== undefined) throw fallen;
		this.#storeId = engine.id();
		timers.hold(this.#pending.count > 0);

		let unwatch: () => void;
		try {
			unwatch = this.#watch(engine, state, guarded);
		} catch (error) {
			state.alive = false;
			timers.clear();
			throw fromHost(error, host.name, "watch");
		}
		instance = { variant, state, engine, timers, unwatch, waits: () => bridge.waits, lastWords };
		this.#instance = instance;
		this.#instances++;
		this.#lookForLeftovers(instance);
		return engine;
	}

	/** Passes the host's hints on to an engine. Gives how to stop that, which may be called twice. */
	#watch(engine: Engine, state: { readonly alive: boolean }, guarded: (callback: () => void) => void): () => void {
		let hinted = false;
		const hint = (): void => {
			if (hinted || !state.alive) return;
			hinted = true;
			// Not from within the host's call: that may have been made by this very instance, which would be entered twice.
			guarded(() => {
				hinted = false;
				engine.hint();
			});
		};
		let stop = this.host.watch?.(hint);
		// A host that fails to watch, though later, gives no hints; and any hint may be lost.
		unheeded(stop);
		return () => {
			const once = stop;
			stop = undefined;
			unheeded(once?.());
		};
	}

	/**
	 * Gives what expands compressed rows for the light engine, so that the call which met one can end. Meanwhile the full
	 * engine, which can read them itself, takes its place.
	 */
	#expander(): (row: Bytes) => Promise<Bytes> {
		let glue: Glue | undefined;
		return async (row) => {
			const { module, createGlue } = await this.unlessClosed(engineModule("full"));
			this.full().catch(() => {});
			if (glue === undefined) {
				// Without a store: it only expands.
				glue = createGlue({ queueMicrotask, pageMemory });
				glue.initSync({ module });
			}
			try {
				return glue.expandRow(row);
			} catch (error) {
				glue = undefined;
				throw trapError(error);
			}
		};
	}

	/** Background work: nobody waits for it, and what fails is tried again the next time. */
	#lookForLeftovers(instance: Instance): void {
		const { host } = this;
		const interval = host.recoveryInterval ?? 0;
		if (interval === 0 || host.limits.atomic !== "space") return;
		instance.timers.start(interval, () => {
			if (this.#instance !== instance || this.#closing !== undefined) return;
			const again = (): void => this.#lookForLeftovers(instance);
			try {
				instance.engine.recover().then(again, again);
			} catch (error) {
				this.#thrown(instance.engine, error);
			}
		});
	}

	/** Lets go of an instance that trapped. */
	#lost(instance: Instance, reason: unknown): void {
		quietly(instance.unwatch);
		if (this.#instance !== instance && this.#leaving !== instance) return;
		if (this.#instance === instance) this.#instance = undefined;
		this.#rejectAll(() => true, reason);
	}

	/** Takes what a call into the engine threw: a trap ends the instance, anything else is the answer. */
	#thrown(engine: Engine, error: unknown): StreamkitError {
		if (!isTrap(error)) return fromEngine(error);
		const instance = [this.#instance, this.#leaving].find((one) => one?.engine === engine);
		const reason = trapError(error, instance?.lastWords());
		if (instance !== undefined) {
			instance.state.alive = false;
			instance.timers.clear();
			this.#lost(instance, reason);
		}
		return reason;
	}

	#rejectAll(which: (pending: Pending) => boolean, reason: unknown): void {
		for (const pending of this.#pending) {
			if (!which(pending)) continue;
			this.#settle(pending);
			pending.reject(reason);
		}
	}

	#add(pending: Pending): void {
		this.#pending.add(pending);
		if (this.#pending.count === 1) this.#instance?.timers.hold(true);
	}

	readonly #settled = (pending: Pending, error?: unknown): void => this.#settle(pending, error);

	#settle(pending: Pending, error?: unknown): void {
		// What a broken-off import left is removed by the full engine: the next try finds it.
		if (isImporting(error) && !this.isFull) this.full().catch(() => {});
		this.#pending.settle(pending);
		if (this.#pending.count === 0) {
			this.#instance?.timers.hold(false);
			this.#idle?.();
		}
		if (pending.kind === "write" && this.#pending.writes === 0) this.#drained?.();
	}

	/**
	 * Runs one asynchronous call of the engine, which must be there. `start` runs before this returns, so buffers it
	 * hands over may be used again afterwards. With a signal, ticket is the number that the call was given; of a write
	 * the engine's answer is waited for, everything else is left at once.
	 */
	run<T>(kind: Kind, start: (engine: Engine) => Promise<T>, signal?: AbortSignal, ticket = 0): Promise<T> {
		return new Promise((resolve, reject) => {
			// Nobody needs what a wait gives.
			const wake = kind === "wait" ? () => resolve(undefined as T) : undefined;
			const pending = new Pending(kind, reject, wake);
			this.#start(pending, signal, ticket, start)?.then(
				(value) => {
					if (pending.settled) return;
					this.#settle(pending);
					resolve(value);
				},
				(error: unknown) => {
					if (pending.settled) return;
					this.#settle(pending, error);
					pending.fail(error);
				},
			);
		});
	}

	/**
	 * Runs one write that the engine answers by itself: with a promise less for each of a thousand in flight. `start` as
	 * of run, with the call and its ticket; `made` makes the result of what the engine answers.
	 */
	write<T>(
		start: (engine: Engine, call: EngineCall, ticket: number) => void,
		made: Made<T>,
		signal: AbortSignal | undefined,
	): Promise<T> {
		return new Promise((resolve, reject) => {
			const ticket = signal === undefined ? 0 : this.ticket();
			const pending = new PendingWrite(this.#settled, made, resolve, reject);
			this.#start(pending, signal, ticket, (engine) => start(engine, pending, ticket));
		});
	}

	/** Starts a call, unless it is refused; undefined where it has failed. */
	#start<R>(
		pending: Pending,
		signal: AbortSignal | undefined,
		ticket: number,
		start: (engine: Engine) => R,
	): R | undefined {
		const engine = this.#instance?.engine;
		if (this.#closing !== undefined || engine === undefined) {
			pending.reject(this.#closing === undefined ? lostError() : closedError());
			return undefined;
		}
		// A signal that has fired tells nobody again.
		if (signal?.aborted === true) {
			pending.reject(signal.reason);
			return undefined;
		}
		this.#add(pending);
		let started: R;
		try {
			started = start(engine);
		} catch (error) {
			const reason = this.#thrown(engine, error);
			if (!pending.settled) {
				this.#settle(pending);
				pending.reject(reason);
			}
			return undefined;
		}
		if (signal !== undefined && !pending.settled) {
			pending.signal = signal;
			const aborted = (): void => {
				if (ticket > 0) this.#cancel(engine, ticket);
				if (pending.kind === "write" || pending.settled) return;
				this.#settle(pending);
				pending.reject(signal.reason);
			};
			// The host is asked from within the start, and may be what fires it.
			if (signal.aborted) aborted();
			else pending.unheed = onAbort(signal, aborted);
		}
		return started;
	}

	/** Opens the engine again if need be, then runs the call. */
	async call<T>(kind: Kind, start: (engine: Engine) => Promise<T>, signal?: AbortSignal, ticket = 0): Promise<T> {
		// It may have made way again before this goes on.
		while (this.#instance === undefined) await unlessAborted(this.ready(), signal);
		return this.run(kind, start, signal, ticket);
	}

	/** The same with everything in the engine. */
	async callFull<T>(kind: Kind, start: (engine: Engine) => Promise<T>, signal?: AbortSignal, ticket = 0): Promise<T> {
		while (!this.isFull) await unlessAborted(this.full(), signal);
		return this.run(kind, start, signal, ticket);
	}

	/**
	 * Makes a write once the engine is there, which may have to be opened: in the order of the calls. full: what only the
	 * full engine can make; it may take long to load, and nobody else waits for that. Once it is loaded all are alike.
	 */
	inLine<T>(full: boolean, write: () => T | Promise<T>, signal: AbortSignal | undefined): Promise<T> {
		const isThere = (): boolean => this.#instance !== undefined && this.#closing === undefined;
		const next = (): Promise<T> =>
			this.#line.pass(
				isThere,
				() => unlessAborted(this.ready(), signal),
				() => {
					if (signal?.aborted === true) throw signal.reason;
					return write();
				},
			);
		const isLoaded = this.#variant === "full";
		if (isLoaded ? this.#fullLine.isEmpty : !full) return next();
		return this.#fullLine.pass(
			() => this.isFull && isThere(),
			() => unlessAborted(this.full(), signal),
			next,
		);
	}

	/** A synchronous call of the engine, which must be there. */
	now<T>(call: (engine: Engine) => T): T {
		if (this.#closing !== undefined) throw closedError();
		const engine = this.#instance?.engine;
		if (engine === undefined) throw lostError();
		try {
			return call(engine);
		} catch (error) {
			throw this.#thrown(engine, error);
		}
	}

	/**
	 * A number that moves whenever something may have changed: also with every instance of the engine, which must be
	 * there.
	 */
	epoch(): number {
		return this.now((engine) => this.#instances * EPOCHS + engine.epoch());
	}

	/**
	 * Waits until a space, or for "" anything, may have changed since the epoch, it is time to look, or so many
	 * milliseconds have passed (-1: never).
	 */
	async wait(
		space: string,
		epoch: number,
		timeout: number,
		signal: AbortSignal | undefined,
		ticket: number,
	): Promise<void> {
		while (this.#instance === undefined || this.#closing !== undefined) await unlessAborted(this.ready(), signal);
		const since = epoch - this.#instances * EPOCHS;
		// Another instance counts anew: its number says nothing of what changed before it was there.
		if (since < 0) return;
		// Where nobody else may write there is no timer to look by: without one the process would end while somebody waits.
		const alive = this.host.limits.shared ? undefined : setInterval(() => {}, 0x7fffffff);
		try {
			await this.run("wait", (engine) => engine.wait(space, since, timeout, ticket), signal, ticket);
		} finally {
			clearInterval(alive);
		}
	}

	/** Cancels a queued write or a wait by its number; of no effect on anything else. */
	cancel(ticket: number): void {
		const engine = this.#instance?.engine;
		if (engine !== undefined) this.#cancel(engine, ticket);
	}

	#cancel(engine: Engine, ticket: number): void {
		// What waits in one that makes way can still be taken back.
		if (this.#instance?.engine !== engine && this.#leaving?.engine !== engine) return;
		try {
			engine.cancel(ticket);
		} catch (error) {
			this.#thrown(engine, error);
		}
	}

	/** Ends reads and waits with CLOSED, waits for writes, then closes the engine. */
	close(): Promise<void> {
		if (this.#closing === undefined) {
			this.#closing = this.#close();
			for (const callback of this.#closers) callback();
		}
		return this.#closing;
	}

	async #close(): Promise<void> {
		// Rejections must find the slot closed already.
		await undefined;
		this.#rejectAll((pending) => pending.kind !== "write", closedError());
		if (this.#pending.writes > 0) {
			await new Promise<void>((resolve) => {
				this.#drained = resolve;
			});
		}
		await this.#opening?.catch(() => {});
		const instance = this.#instance;
		if (instance === undefined) return;
		quietly(instance.unwatch);
		try {
			await this.#end(instance);
		} finally {
			this.#instance = undefined;
		}
	}

	/** Closes an instance that nothing stands on any more. */
	async #end(instance: Instance): Promise<void> {
		instance.timers.hold(true);
		let pending: Pending | undefined;
		try {
			// A trap while closing leaves nothing to close.
			const gone = new Promise<void>((resolve) => {
				pending = new Pending("read", () => resolve());
				this.#add(pending);
			});
			await Promise.race([instance.engine.close().catch((error: unknown) => Promise.reject(fromEngine(error))), gone]);
		} finally {
			instance.state.alive = false;
			instance.timers.clear();
			if (pending !== undefined && !pending.settled) this.#settle(pending);
		}
	}
}

// The engine's own answers are plain objects; an Error out of a call is a trap (RuntimeError), an exhausted stack
// (RangeError), or the glue's complaint about an instance that is already broken.
function isTrap(error: unknown): boolean {
	return error instanceof Error && !(error instanceof StreamkitError);
}

function lostError(): StreamkitError {
	return new StreamkitError("UNAVAILABLE", "the engine was lost", { details: { applied: false } });
}

function trapError(error: unknown, lastWords?: string): StreamkitError {
	return new StreamkitError("UNAVAILABLE", `the engine stopped: ${lastWords ?? describe(error)}`, {
		cause: error,
		details: { applied: "unknown" },
	});
}

/** What an instance said when it panicked, if it did. */
function lastWordsOf(glue: Glue): string | undefined {
	try {
		return glue.panicMessage();
	} catch {
		// An exhausted stack, or memory: nothing inside can run any more.
		return undefined;
	}
}

function quietly(stop: () => void): void {
	try {
		stop();
	} catch {
		// A host that cannot stop watching has nothing left to tell us.
	}
}

/** Whether the engine refused a write for an import's sake. */
function isImporting(error: unknown): boolean {
	return (error as { details?: { importing?: unknown } } | undefined)?.details?.importing === true;
}
