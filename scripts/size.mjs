// What each entry point loads to open a store: its bundled JavaScript, and the engine beside it. Says whether what a
// browser loads is within the budget, and fails where it grows past what it was.

import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";
import { dim, main, Problem, say } from "./lib/console.mjs";
import { at } from "./lib/root.mjs";

const budget = 100 * 1024;
/** The entry that the budget is about. */
const budgeted = "browser, indexeddb";
// The engine is over the budget: until it is not, it may at least not grow unnoticed.
const ceiling = 157 * 1024;

const full = "streamkit.wasm";
const browser = { platform: "browser", conditions: ["browser"], wasm: "light/streamkit.wasm" };
const workerd = { platform: "neutral", conditions: ["workerd", "worker", "browser"] };
const node = { platform: "node", conditions: ["node"] };

// `inline`: the engine is part of the JavaScript.
const entries = [
	{ name: "browser", imports: ["streamkit"], ...browser },
	{ name: budgeted, imports: ["streamkit", "streamkit/indexeddb"], ...browser },
	{ name: "browser, level", imports: ["streamkit", "streamkit/level"], ...browser },
	{ name: "inline", imports: ["streamkit/inline"], ...browser, inline: true },
	{ name: "slim", imports: ["streamkit/slim"], ...browser, wasm: full },
	{ name: "slim, level", imports: ["streamkit/slim", "streamkit/level"], ...browser, wasm: full },
	{ name: "workerd", imports: ["streamkit"], ...workerd },
	{ name: "workerd, cloudflare", imports: ["streamkit", "streamkit/cloudflare"], ...workerd },
	{ name: "edge-light", imports: ["streamkit"], platform: "neutral", conditions: ["edge-light"] },
	{ name: "node", imports: ["streamkit"], ...node },
	{ name: "node, level", imports: ["streamkit", "streamkit/level"], ...node },
	{ name: "node, azure", imports: ["streamkit", "streamkit/azure"], ...node },
	{ name: "testing", imports: ["streamkit", "streamkit/testing"], ...node },
];

const { exports: subpaths } = JSON.parse(readFileSync(at("pkg", "package.json"), "utf8"));
const isThere = (specifier) => specifier.replace("streamkit", ".") in subpaths;

/** The engine, and what users bring themselves, stay outside of the bundle. */
const outside = {
	name: "outside",
	setup(builder) {
		builder.onResolve({ filter: /\.wasm(\?module)?$/ }, ({ path }) => ({ path, external: true }));
		builder.onResolve({ filter: /^[^./]/ }, ({ path }) =>
			/^streamkit(\/|$)/.test(path) ? undefined : { path, external: true },
		);
	},
};

async function bundle({ imports, platform, conditions }) {
	const { outputFiles, metafile } = await build({
		stdin: { contents: imports.map((specifier) => `export * from "${specifier}";`).join("\n"), resolveDir: at() },
		bundle: true,
		minify: true,
		format: "esm",
		platform,
		conditions,
		plugins: [outside],
		target: "es2022",
		// What is imported later is a file of its own, and not counted.
		splitting: true,
		outdir: at("size"),
		metafile: true,
		write: false,
		logLevel: "error",
	});
	const loaded = new Set(
		Object.keys(metafile.outputs).filter((path) => metafile.outputs[path].entryPoint !== undefined),
	);
	const later = new Set(
		Object.values(metafile.outputs).flatMap((output) =>
			output.imports.filter(({ kind }) => kind === "dynamic-import").map(({ path }) => path),
		),
	);
	for (const path of loaded) {
		if (later.has(path)) loaded.delete(path);
		else
			for (const one of metafile.outputs[path].imports)
				if (one.kind === "import-statement" && !one.external) loaded.add(one.path);
	}
	const files = outputFiles.filter(({ path }) => loaded.has(relative(process.cwd(), path)));
	// Each is a file of its own to the browser, and compressed by itself.
	return files.map(({ contents }) => sizes(contents)).reduce(together);
}

const sizes = (bytes) => ({
	raw: bytes.length,
	gzip: gzipSync(bytes, { level: 9 }).length,
	brotli: brotliCompressSync(bytes).length,
});
const columns = ["raw", "gzip", "brotli"];
const together = (a, b) => Object.fromEntries(columns.map((column) => [column, a[column] + b[column]]));

function line(name, ...cells) {
	say(`${name.padEnd(22)}${cells.map((cell) => String(cell).padStart(10)).join("")}`);
}

await main(async () => {
	const wasms = [browser.wasm, full];
	const engines = new Map(wasms.map((wasm) => [wasm, sizes(readFileSync(at("pkg", "dist", "generated", wasm)))]));
	line("bytes", ...columns, ...columns);
	line("", "JavaScript", "", "", "together");
	for (const [wasm, size] of engines) line(wasm, ...columns.map((column) => size[column]));
	let gzip = 0;
	for (const entry of entries) {
		const missing = entry.imports.filter((specifier) => !isThere(specifier));
		if (missing.length > 0) {
			say(dim(`${entry.name.padEnd(22)}left out: the package has no ${missing.join(", ")}`));
			continue;
		}
		const script = await bundle(entry);
		const total = entry.inline === true ? script : together(script, engines.get(entry.wasm ?? full));
		if (entry.name === budgeted) gzip = total.gzip;
		line(entry.name, ...columns.map((column) => script[column]), ...columns.map((column) => total[column]));
	}
	if (gzip > ceiling) throw new Problem(`${gzip} bytes with gzip is above the ceiling of ${ceiling}`);
	const times = (gzip / budget).toFixed(2);
	say(`${times} x the budget of ${budget} bytes with gzip in a browser; the ceiling is ${ceiling}`);
});
