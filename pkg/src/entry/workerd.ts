// workerd compiles WebAssembly only when it is deployed: the engine comes in as a module.

import { registerWasm } from "../engine/register.js";
import wasm from "../generated/streamkit.wasm";

registerWasm(() => wasm);

export * from "../index.js";
