import { StreamkitError } from "../errors.js";
import type { MaybePromise } from "../types.js";

let load: (() => MaybePromise<WebAssembly.Module>) | undefined;
let compiled: Promise<WebAssembly.Module> | undefined;

/**
 * Says where the WebAssembly module comes from. The entry points call it; importers of "streamkit/slim" do so
 * themselves, with the file that "streamkit/wasm" names. Nothing is loaded before the first store is opened.
 */
export function registerWasm(loader: () => MaybePromise<WebAssembly.Module>): void {
	load = loader;
	compiled = undefined;
}

/** The compiled module, made once. A failure is not kept: the next store to open tries again. */
export function wasmModule(): Promise<WebAssembly.Module> {
	if (compiled !== undefined) return compiled;
	if (load === undefined) {
		return Promise.reject(
			new StreamkitError(
				"UNSUPPORTED",
				'no WebAssembly module: call registerWasm first, or import "streamkit" instead of "streamkit/slim"',
			),
		);
	}
	const attempt = (async (loader) => await loader())(load);
	compiled = attempt;
	attempt.catch(() => {
		if (compiled === attempt) compiled = undefined;
	});
	return attempt;
}
