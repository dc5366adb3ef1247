import { registerWasm } from "../engine/register.js";
import { wasmBase64 } from "../generated/inline-wasm.js";

registerWasm(() => WebAssembly.compile(Uint8Array.from(atob(wasmBase64), (character) => character.charCodeAt(0))));

export * from "../index.js";
