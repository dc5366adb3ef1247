import { wasmBase64 } from "../generated/inline-wasm.js";

/** The engine that comes as text. */
export function compileInline(): Promise<WebAssembly.Module> {
	const text = atob(wasmBase64);
	// A loop: Uint8Array.from takes twenty times as long.
	const bytes = new Uint8Array(text.length);
	for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
	return WebAssembly.compile(bytes);
}
