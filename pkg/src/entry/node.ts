import { readFile } from "node:fs/promises";
import { registerWasm } from "../engine/register.js";

/** The engine's file; undefined where a bundler has left it behind, or has put something else in place of its URL. */
async function engineFile(): Promise<Uint8Array<ArrayBuffer> | undefined> {
	try {
		return await readFile(new URL("../generated/streamkit.wasm", import.meta.url));
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === "ENOENT" || code?.startsWith("ERR_")) return undefined;
		throw error;
	}
}

registerWasm(async () => {
	const file = await engineFile();
	if (file !== undefined) return WebAssembly.compile(file);
	const { compileInline } = await import("./inline-module.js");
	return compileInline();
});

export * from "../index.js";
