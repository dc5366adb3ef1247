import type { Bytes } from "../common/bytes.js";
import { soon } from "../common/microtasks.js";
import { type TimerCalls, Timers } from "../common/timers.js";
import type { CheckedOptions } from "../common/validate.js";
import { fromEngine, fromHost, type StreamkitError } from "../errors.js";
import type { HostKv } from "../host.js";
import { unheeded } from "../hosts/answers.js";
import type { Engine, EngineOptions } from "./abi.js";
import { createBridge } from "./bridge.js";
import { type EngineModule, instantiate, type Variant } from "./loader.js";
import type { PendingCalls } from "./pending.js";
import { isTrap, lastWordsOf, trapError } from "./traps.js";

/** One wasm instance with everything that is bound to it. */
export interface Instance {
	readonly variant: Variant;
	readonly state: { alive: boolean };
	readonly engine: Engine;
	readonly timers: Timers;
	/** Nothing calls into it any more. */
	readonly stop: () => void;
	/** Stops heeding the host's hints; may be called twice. */
	readonly unwatch: () => void;
	/** Whether its host takes time to answer. */
	readonly waits: () => boolean;
	/** What it said when it panicked, if it did. */
	readonly lastWords: () => string | undefined;
}

/** What an instance is opened with. */
interface Opening {
	readonly host: HostKv;
	readonly options: CheckedOptions;
	/** The store that has to be there, once that is known. */
	readonly storeId: string | undefined;
	readonly variant: Variant;
	readonly loaded: EngineModule;
	/** Expands rows that the engine cannot. */
	readonly expandRow: (row: Bytes) => Promise<Bytes>;
	/** Called with the store's id as soon as the engine has answered. */
	readonly found: (storeId: string) => void;
	/** The calls that wait for an answer. */
	readonly pending: PendingCalls;
	/** Called with the instance before anything can happen to it. */
	readonly opened: (instance: Instance) => void;
	/** Called when the instance has trapped by itself, outside of a call. */
	readonly lost: (instance: Instance, reason: StreamkitError) => void;
}

/** Opens an instance. Once it has trapped nothing calls into it any more. */
export async function openInstance(opening: Opening): Promise<Engine> {
	const { host, options, variant } = opening;
	const timers = new Timers();
	const state = { alive: true, fail: (_: unknown): void => {} };
	let fallen: StreamkitError | undefined;
	const lastWords = (): string | undefined => lastWordsOf(glue);
	const stop = (): void => {
		state.alive = false;
		timers.clear();
	};
	const trapped = (error: unknown): void => {
		if (!state.alive) return;
		stop();
		const reason = trapError(error, lastWords());
		fallen = reason;
		state.fail(reason);
		if (instance !== undefined) opening.lost(instance, reason);
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
	const guarded = (callback: () => void): void => soon(guard(callback));
	let instance: Instance | undefined;

	const glue = instantiate(opening.loaded, guarded);
	const guardedTimers: TimerCalls = {
		start: (ms, callback) => timers.start(ms, guard(callback)),
		stop: (handle) => timers.stop(handle),
	};
	const bridge = createBridge(host, options.clock, guardedTimers, () => state.alive, opening.expandRow);
	const engineOptions: EngineOptions = { ...options, storeId: opening.storeId };
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
		stop();
		throw error;
	});
	// It may have trapped since it answered.
	if (fallen !== undefined) throw fallen;
	opening.found(engine.id());
	timers.hold(opening.pending.count > 0);

	let unwatch: () => void;
	try {
		unwatch = watch(host, engine, state, guarded);
	} catch (error) {
		stop();
		throw fromHost(error, host.name, "watch");
	}
	instance = { variant, state, engine, timers, stop, unwatch, waits: () => bridge.waits, lastWords };
	opening.opened(instance);
	return engine;
}

/** Passes the host's hints on to an engine. Gives how to stop that. */
function watch(
	host: HostKv,
	engine: Engine,
	state: { readonly alive: boolean },
	guarded: (callback: () => void) => void,
): () => void {
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
	let stop = host.watch?.(hint);
	// A host that fails to watch, though later, gives no hints; and any hint may be lost.
	unheeded(stop);
	return () => {
		const once = stop;
		stop = undefined;
		try {
			unheeded(once?.());
		} catch {
			// A host that cannot stop watching has nothing left to tell us.
		}
	};
}
