import { unlessAborted } from "../common/abort.js";
import type { CheckedOptions } from "../common/validate.js";
import { closedError, fromEngine } from "../errors.js";
import type { HostKv } from "../host.js";
import type { Engine } from "./abi.js";
import { EngineCalls } from "./calls.js";
import { rowExpander } from "./expander.js";
import { type Instance, openInstance } from "./instance.js";
import { Line } from "./line.js";
import { type EngineModule, engineModule, firstVariant, type Variant } from "./loader.js";
import { type Kind, Pending } from "./pending.js";

/** No instance counts its epochs this far. So the epochs of one, moved up by this, lie above all of the one before. */
const EPOCHS = 2 ** 36;

/**
 * The engine of one store. An instance that traps is dropped, everything pending is rejected as UNAVAILABLE, and the
 * next call opens another on the same host: all that lasts lies there.
 */
export class EngineSlot extends EngineCalls {
	readonly host: HostKv;
	readonly options: CheckedOptions;
	#storeId: string | undefined;
	/** The variant that the next instance is opened with. */
	#variant: Variant;
	#opening: Promise<Engine> | undefined;
	/** The calls that come with the full engine, once they are loaded. */
	#fullCalls: object | undefined;
	/** How many instances there have been. */
	#instances = 0;
	readonly #closers = new Set<() => void>();
	/** Writes that wait for an engine; before them, those that wait for the full one. */
	readonly #line = new Line();
	readonly #fullLine = new Line();

	constructor(host: HostKv, options: CheckedOptions) {
		super();
		this.host = host;
		this.options = options;
		this.#storeId = options.storeId;
		this.#variant = firstVariant(host.limits, options);
	}

	/** Whether a write can be made at once: not while others wait that were called before it. full: as of inLine. */
	takesWrites(full: boolean): boolean {
		const isThere = this.instance !== undefined && this.closing === undefined && this.#line.isEmpty;
		return isThere && (this.isFull ? this.#fullLine.isEmpty : !full);
	}

	/** The engine, opened again if the last instance was lost. */
	ready(): Promise<Engine> {
		if (this.closing !== undefined) return Promise.reject(closedError());
		if (this.instance !== undefined) return Promise.resolve(this.instance.engine);
		this.#opening ??= this.#open().finally(() => {
			this.#opening = undefined;
		});
		return this.#opening;
	}

	/** The full engine. A light one makes way for it: calls under way end first, and waits are ended as if woken. */
	override async full(): Promise<Engine> {
		for (;;) {
			const engine = await this.ready();
			const instance = this.instance;
			if (instance?.variant === "full") return engine;
			// Loaded before the light one goes, so that without a network everything else goes on.
			await this.unlessClosed(engineModule("full"));
			if (instance === undefined || this.instance !== instance || this.closing !== undefined) continue;
			this.#variant = "full";
			this.instance = undefined;
			this.#opening = this.#replace(instance).finally(() => {
				this.#opening = undefined;
			});
		}
	}

	/** The calls that come with the full engine, where they are loaded. */
	get fullCalls(): object | undefined {
		return this.#fullCalls;
	}

	/** Loads them; with the options of a call, whose signal ends that. */
	async loadFullCalls(options: unknown): Promise<object> {
		const signal = (options as { signal?: unknown } | null | undefined)?.signal;
		const loading = this.unlessClosed(engineModule("full"));
		const { calls } = await unlessAborted(loading, signal instanceof AbortSignal ? signal : undefined);
		this.#fullCalls = calls;
		return calls;
	}

	/** Opens the next instance once all calls of this one are settled. */
	async #replace(old: Instance): Promise<Engine> {
		this.leaving = old;
		old.unwatch();
		for (const pending of this.pending) {
			if (pending.wake === undefined) continue;
			this.settle(pending);
			pending.wake();
		}
		if (this.pending.count > 0) await this.pending.idle();
		try {
			// One that trapped meanwhile answers nothing any more.
			if (old.state.alive) await this.#end(old);
		} catch {
			// All that lasts lies in the host, and every call is settled.
		}
		this.leaving = undefined;
		if (this.closing !== undefined) throw closedError();
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
			if (this.closing !== undefined) onClose();
			this.#closers.add(onClose);
			promise.then(resolve, reject).finally(() => this.#closers.delete(onClose));
		});
	}

	async #open(): Promise<Engine> {
		const { host, options } = this;
		const variant = this.#variant;
		const loaded = await engineModule(variant);
		if ("calls" in loaded) this.#fullCalls = loaded.calls;
		return openInstance({
			host,
			options,
			storeId: this.#storeId,
			variant,
			loaded,
			expandRow: rowExpander(() => this.#fullForRow()),
			found: (storeId) => {
				this.#storeId = storeId;
			},
			pending: this.pending,
			opened: (instance) => {
				this.instance = instance;
				this.#instances++;
				this.#lookForLeftovers(instance);
			},
			lost: (instance, reason) => this.lost(instance, reason),
		});
	}

	/** The full engine's module for a row that the light one cannot expand. It takes the light one's place meanwhile. */
	async #fullForRow(): Promise<EngineModule> {
		const loaded = await this.unlessClosed(engineModule("full"));
		this.full().catch(() => {});
		return loaded;
	}

	/** Background work: nobody waits for it, and what fails is tried again the next time. */
	#lookForLeftovers(instance: Instance): void {
		const { host } = this;
		const interval = host.recoveryInterval ?? 0;
		if (interval === 0 || host.limits.atomic !== "space") return;
		instance.timers.start(interval, () => {
			if (this.instance !== instance || this.closing !== undefined) return;
			const again = (): void => this.#lookForLeftovers(instance);
			try {
				instance.engine.recover().then(again, again);
			} catch (error) {
				this.thrown(instance.engine, error);
			}
		});
	}

	/** Opens the engine again if need be, then runs the call. */
	async call<T>(kind: Kind, start: (engine: Engine) => Promise<T>, signal?: AbortSignal, tag = 0): Promise<T> {
		// It may have made way again before this goes on.
		while (this.instance === undefined) await unlessAborted(this.ready(), signal);
		return this.run(kind, start, signal, tag);
	}

	/** The same with everything in the engine. */
	async callFull<T>(kind: Kind, start: (engine: Engine) => Promise<T>, signal?: AbortSignal, tag = 0): Promise<T> {
		while (!this.isFull) await unlessAborted(this.full(), signal);
		return this.run(kind, start, signal, tag);
	}

	/**
	 * Makes a write once the engine is there, which may have to be opened: in the order of the calls. full: what only the
	 * full engine can make; it may take long to load, and nobody else waits for that. Once it is loaded all are alike.
	 */
	inLine<T>(full: boolean, write: () => T | Promise<T>, signal: AbortSignal | undefined): Promise<T> {
		const isThere = (): boolean => this.instance !== undefined && this.closing === undefined;
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
		tag: number,
	): Promise<void> {
		while (this.instance === undefined || this.closing !== undefined) await unlessAborted(this.ready(), signal);
		const since = epoch - this.#instances * EPOCHS;
		// Another instance counts anew: its number says nothing of what changed before it was there.
		if (since < 0) return;
		// Where nobody else may write there is no timer to look by: without one the process would end while somebody waits.
		const alive = this.host.limits.shared ? undefined : setInterval(() => {}, 0x7fffffff);
		try {
			await this.run("wait", (engine) => engine.wait(space, since, timeout, tag), signal, tag);
		} finally {
			clearInterval(alive);
		}
	}

	/** Ends reads and waits with CLOSED, waits for writes, then closes the engine. */
	close(): Promise<void> {
		if (this.closing === undefined) {
			this.closing = this.#close();
			for (const callback of this.#closers) callback();
		}
		return this.closing;
	}

	async #close(): Promise<void> {
		// Rejections must find the slot closed already.
		await undefined;
		this.rejectAll((pending) => pending.kind !== "write", closedError());
		if (this.pending.writes > 0) await this.pending.written();
		await this.#opening?.catch(() => {});
		const instance = this.instance;
		if (instance === undefined) return;
		instance.unwatch();
		try {
			await this.#end(instance);
		} finally {
			this.instance = undefined;
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
				this.begin(pending);
			});
			await Promise.race([instance.engine.close().catch((error: unknown) => Promise.reject(fromEngine(error))), gone]);
		} finally {
			instance.stop();
			if (pending !== undefined && !pending.settled) this.settle(pending);
		}
	}
}
