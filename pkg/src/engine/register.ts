import * as calls from "../full-calls.js";
import { createGlue } from "../generated/glue.js";
import type { MaybePromise } from "../types.js";
import type { EngineModule } from "./loader.js";
import { registerEngine } from "./loader.js";

/**
 * Says where the WebAssembly module comes from. The entry points call it; importers of "streamkit/slim" do so
 * themselves, with the file that "streamkit/wasm" names. Nothing is loaded before the first store is opened.
 */
export function registerWasm(loader: () => MaybePromise<WebAssembly.Module>): void {
	registerEngine({
		full: async () => ({
			module: await loader(),
			createGlue: createGlue as unknown as EngineModule["createGlue"],
			calls,
		}),
	});
}
