import { registerWasm } from "../engine/loader.js";

registerWasm(async () => {
	// Bundlers look for exactly this expression: it makes the engine a file beside the bundle.
	const url = new URL("../generated/streamkit.wasm", import.meta.url);
	const response = await fetch(url);
	const type = response.headers.get("content-type") ?? "";
	if (!response.ok || type.startsWith("text/html")) {
		// A development server that moves modules answers with its start page.
		throw new Error(`the engine is not at ${url.href}: serve it from there, or import "streamkit/inline"`);
	}
	// Streaming insists on the type; a plain file server may not know it.
	if (type.startsWith("application/wasm")) return WebAssembly.compileStreaming(response);
	return WebAssembly.compile(await response.arrayBuffer());
});

export * from "../index.js";
