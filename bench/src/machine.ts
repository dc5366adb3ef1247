import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, release, totalmem, type } from "node:os";

const PACKAGES = ["classic-level", "event-storage", "lmdb", "@event-driven-io/emmett", "redis"];

function versionOf(name: string): string {
	// Not every package lets its package.json be imported: it is looked for upwards from the module.
	const require = createRequire(import.meta.url);
	for (const folder of require.resolve.paths(name) ?? []) {
		try {
			return (JSON.parse(readFileSync(`${folder}/${name}/package.json`, "utf8")) as { version: string }).version;
		} catch {
			// Not in this folder.
		}
	}
	return "?";
}

/** What the numbers were measured on. */
export function machine(packages: readonly string[] = PACKAGES): Record<string, string | number> {
	const cores = cpus();
	return {
		cpu: cores[0]?.model.trim() ?? "unknown",
		cores: cores.length,
		memoryGiB: Math.round(totalmem() / 2 ** 30),
		system: `${type()} ${release()}`,
		node: process.versions.node,
		...Object.fromEntries(packages.map((name) => [name, versionOf(name)])),
	};
}
