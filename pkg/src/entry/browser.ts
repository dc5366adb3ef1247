import { type EngineModule, registerEngine } from "../engine/loader.js";
import { createGlue as createLightGlue } from "../generated/light/glue.js";

async function compile(url: URL): Promise<WebAssembly.Module> {
	const response = await fetch(url);
	const type = response.headers.get("content-type") ?? "";
	if (!response.ok || type.startsWith("text/html")) {
		// A development server that moves modules answers with its start page.
		throw new Error(`the engine is not at ${url.href}: serve it from there, or import "streamkit/inline"`);
	}
	// Streaming insists on the type; a plain file server may not know it.
	if (type.startsWith("application/wasm")) return WebAssembly.compileStreaming(response);
	return WebAssembly.compile(await response.arrayBuffer());
}

// Bundlers look for exactly these expressions: they make the engines files beside the bundle, and what comes with the
// full one pieces of their own.
registerEngine({
	light: async () => ({
		module: await compile(new URL("../generated/light/streamkit.wasm", import.meta.url)),
		createGlue: createLightGlue as unknown as EngineModule["createGlue"],
	}),
	full: async () => {
		const [module, { createGlue }, calls] = await Promise.all([
			compile(new URL("../generated/streamkit.wasm", import.meta.url)),
			import("../generated/glue.js"),
			import("../store/full-calls.js"),
		]);
		return { module, createGlue: createGlue as unknown as EngineModule["createGlue"], calls };
	},
});

export * from "../index.js";
