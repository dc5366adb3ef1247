import { readFile } from "node:fs/promises";
import { registerWasm } from "../engine/register.js";

registerWasm(async () => WebAssembly.compile(await readFile(new URL("../generated/streamkit.wasm", import.meta.url))));

export * from "../index.js";
