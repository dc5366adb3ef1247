// Without an engine: libraries depend on this one, and the application registers the engine once.
export { registerWasm } from "../engine/register.js";
export * from "../index.js";
