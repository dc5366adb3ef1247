import type { soon } from "../common/microtasks.js";
import type { CheckedOptions } from "../common/validate.js";
import { describe, isStreamkitError, StreamkitError } from "../errors.js";
import type { GlueEnvironment } from "../generated/glue.js";
import type { HostLimits } from "../host.js";
import type { MaybePromise } from "../types.js";
import type { Glue } from "./abi.js";
import { pageMemory } from "./page-memory.js";

/**
 * full: everything. light: less than a quarter of it, without what most pages never call: streams, leases, export,
 * import, compact and verify, what is compressed, and hosts without atomic, checked, consistent commits.
 */
export type Variant = "full" | "light";

/** A compiled module, and the glue that was made for it. */
export interface EngineModule {
	readonly module: WebAssembly.Module;
	createGlue(environment: GlueEnvironment): Glue;
}

/** The full engine comes with the calls that only it can answer. */
export interface FullModule extends EngineModule {
	readonly calls: object;
}

interface Modules {
	readonly full: FullModule;
	readonly light: EngineModule;
}

/** Where the modules come from. */
export interface Loaders {
	readonly full: () => MaybePromise<FullModule>;
	readonly light?: () => MaybePromise<EngineModule>;
}

let loaders: Loaders | undefined;
let loaded: { [V in Variant]?: Promise<Modules[V]> } = {};

/** Says where the engine comes from. Nothing is loaded before the first store is opened. */
export function registerEngine(engines: Loaders): void {
	loaders = engines;
	loaded = {};
}

/** The variant that a store begins with. */
export function firstVariant(limits: HostLimits, options: CheckedOptions): Variant {
	if (loaders?.light === undefined) return "full";
	const able = limits.atomic === "store" && limits.checks && limits.consistent;
	const compresses = options.compression === "always" || (options.compression === "auto" && limits.compress);
	return able && !compresses ? "light" : "full";
}

function notLoaded(cause: unknown, retryable: boolean): StreamkitError {
	return new StreamkitError("UNAVAILABLE", `the engine could not be loaded: ${describe(cause)}`, {
		cause,
		details: { applied: false },
		retryable,
	});
}

async function loading<M>(load: () => MaybePromise<M>): Promise<M> {
	try {
		return await load();
	} catch (error) {
		if (isStreamkitError(error)) throw error;
		// What forbids WebAssembly, or lacks it, goes on doing so.
		const lasting = typeof WebAssembly === "undefined" || (error as Error | undefined)?.name === "CompileError";
		throw notLoaded(error, !lasting);
	}
}

/** A fresh instance of a module, in memory of its own. */
export function instantiate({ module, createGlue }: EngineModule, queueMicrotask: typeof soon): Glue {
	const glue = createGlue({ queueMicrotask, pageMemory });
	try {
		glue.initSync({ module });
	} catch (error) {
		// Without memory it is worth trying again; what is no module of this package stays that.
		throw notLoaded(error, error instanceof RangeError);
	}
	return glue;
}

/** The compiled engine, made once. A failure is not kept: the next store to open tries again. */
export function engineModule<V extends Variant>(variant: V): Promise<Modules[V]> {
	const known: Promise<Modules[V]> | undefined = loaded[variant];
	if (known !== undefined) return known;
	const load = loaders?.[variant] as (() => MaybePromise<Modules[V]>) | undefined;
	if (load === undefined) {
		return Promise.reject(
			new StreamkitError(
				"UNSUPPORTED",
				'no WebAssembly module: call registerWasm first, or import "streamkit" instead of "streamkit/slim"',
			),
		);
	}
	const attempt = loading(load);
	const all: { [W in V]?: Promise<Modules[W]> } = loaded;
	all[variant] = attempt;
	attempt.catch(() => {
		if (all[variant] === attempt) delete all[variant];
	});
	return attempt;
}
