import { invalid } from "../errors.js";
import { createGlue } from "../generated/glue.js";
import * as calls from "../store/full-calls.js";
import type { MaybePromise } from "../types.js";
import type { EngineModule } from "./loader.js";
import { registerEngine } from "./loader.js";

// Its type in the declarations of browsers says no more than `object`, and those of Node do not know it.
/**
 * Says where the WebAssembly.Module comes from. The entry points call it; importers of "streamkit/slim" do so
 * themselves, with the file that "streamkit/wasm" names. Nothing is loaded before the first store is opened.
 * @throws INVALID_ARGUMENT for what is no function.
 */
export function registerWasm(loader: () => MaybePromise<object>): void {
	if (typeof loader !== "function") throw invalid("loader", "must be a function that gives a WebAssembly.Module");
	registerEngine({
		full: async () => ({
			module: (await loader()) as WebAssembly.Module,
			createGlue: createGlue as unknown as EngineModule["createGlue"],
			calls,
		}),
	});
}
