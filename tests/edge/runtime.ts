// Workers in workerd, as they are when deployed: bundled with the condition "workerd" from the built package, the engine
// beside them as a compiled module.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";
import { Log, LogLevel, Miniflare, type MiniflareOptions } from "miniflare";

/** What Miniflare takes as the modules of a Worker. */
export type Modules = Exclude<Extract<MiniflareOptions, { modules?: unknown }>["modules"], boolean | undefined>;

const ENGINE = "streamkit.wasm";

/** Bundles a Worker. */
export async function bundle(entry: URL, options: BuildOptions = {}): Promise<Modules> {
	let engine: string | undefined;
	const { outputFiles } = await build({
		entryPoints: [fileURLToPath(entry)],
		bundle: true,
		write: false,
		format: "esm",
		target: "es2022",
		conditions: ["workerd", "worker"],
		logLevel: "warning",
		plugins: [
			{
				name: "engine",
				setup({ onResolve }) {
					onResolve({ filter: /\.wasm$/ }, ({ path, resolveDir }) => {
						engine = fileURLToPath(new URL(path, `file://${resolveDir}/`));
						return { path: `./${ENGINE}`, external: true };
					});
				},
			},
		],
		...options,
	});
	const [script] = outputFiles ?? [];
	if (script === undefined) throw new Error("nothing was bundled");
	const modules = [{ type: "ESModule" as const, path: "worker.mjs", contents: script.text }];
	if (engine === undefined) return modules;
	return [...modules, { type: "CompiledWasm" as const, path: ENGINE, contents: await readFile(engine) }];
}

/**
 * With one or two cores V8 has one thread for work in the background. When that waits for a collection, and the main
 * thread for a sweep in the background, workerd spins for good (seen at 1.20260426): hence no collecting aside.
 */
function withoutCollectingAside(): void {
	const beside = createRequire(createRequire(import.meta.url).resolve("miniflare"));
	process.env["STREAMKIT_WORKERD"] = (beside("workerd") as { default: string }).default;
	process.env["STREAMKIT_WORKERD_V8_FLAGS"] = "--single-threaded-gc";
	process.env["MINIFLARE_WORKERD_PATH"] = fileURLToPath(new URL("./workerd/run.sh", import.meta.url));
}

/** Starts workerd on a port of its own. Whoever starts it disposes of it. */
export async function start(options: MiniflareOptions): Promise<Miniflare> {
	withoutCollectingAside();
	const miniflare = new Miniflare({
		host: "127.0.0.1",
		port: 0,
		compatibilityDate: "2026-04-01",
		log: new Log(LogLevel.ERROR),
		...options,
	} as MiniflareOptions);
	await miniflare.ready;
	return miniflare;
}

/** Asks a Worker for JSON; what it answers with an error status is thrown. */
export async function ask<T>(miniflare: Miniflare, path: string, body?: unknown): Promise<T> {
	const response = await miniflare.dispatchFetch(`http://worker${path}`, {
		method: "POST",
		body: JSON.stringify(body ?? null),
	});
	const text = await response.text();
	if (!response.ok) throw new Error(`${path}: ${response.status}: ${text}`);
	return JSON.parse(text) as T;
}
