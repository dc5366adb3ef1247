import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const source = fileURLToPath(new URL("../src", import.meta.url));
export const compiled = fileURLToPath(new URL("../dist", import.meta.url));

/**
 * Compiles this program to plain JavaScript, file by file: what measures runs without a loader, which would cost memory
 * and adds calls of its own to the code.
 */
export async function compile(): Promise<void> {
	rmSync(compiled, { recursive: true, force: true });
	const names = readdirSync(source, { recursive: true, encoding: "utf8" });
	await build({
		entryPoints: names.filter((name) => /(?<!\.d)\.ts$/.test(name)).map((name) => join(source, name)),
		outbase: source,
		outdir: compiled,
		format: "esm",
		platform: "node",
		target: "node20",
		logLevel: "warning",
	});
}
