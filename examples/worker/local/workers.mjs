// What wrangler makes of the two configurations, for Miniflare.

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const ENGINE = "streamkit.wasm";

/** Bundles a Worker; the engine goes along as a compiled module. */
async function bundle(entry) {
	let engine;
	const { outputFiles } = await build({
		entryPoints: [fileURLToPath(new URL(`../src/${entry}`, import.meta.url))],
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
	});
	return [
		{ type: "ESModule", path: "worker.mjs", contents: outputFiles[0].text },
		{ type: "CompiledWasm", path: ENGINE, contents: await readFile(engine) },
	];
}

/** The writer and the reader. */
export async function workers({ publishEvery }) {
	const [writer, reader] = await Promise.all([bundle("writer.ts"), bundle("reader.ts")]);
	const shared = { compatibilityDate: "2026-04-01", kvNamespaces: { COPIES: "copies" } };
	return [
		{
			...shared,
			name: "writer",
			modules: writer,
			durableObjects: { STORES: { className: "StoreObject", useSQLite: true } },
			bindings: { PUBLISH_EVERY: publishEvery },
		},
		{ ...shared, name: "reader", modules: reader },
	];
}
