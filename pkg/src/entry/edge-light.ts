// Edge functions compile WebAssembly only when they are deployed, and mark such imports with ?module.

import { registerWasm } from "../engine/register.js";
import wasm from "../generated/streamkit.wasm?module";

registerWasm(() => wasm);

export * from "../index.js";
