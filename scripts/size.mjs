// What a browser loads to open a store: the bundled browser entry and the engine. Says whether that is within the budget,
// and fails where it grows past what it was.

import { readFileSync } from "node:fs";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";
import { main, Problem, say } from "./lib/console.mjs";
import { at } from "./lib/root.mjs";

const budget = 100 * 1024;
// The engine is over the budget: until it is not, it may at least not grow unnoticed.
const ceiling = 450 * 1024;

async function bundle() {
	const { outputFiles } = await build({
		entryPoints: [at("pkg", "dist", "entry", "browser.js")],
		bundle: true,
		minify: true,
		format: "esm",
		platform: "browser",
		target: "es2022",
		write: false,
		logLevel: "error",
	});
	return outputFiles[0].contents;
}

await main(async () => {
	const parts = [
		["JavaScript", await bundle()],
		["engine (wasm)", readFileSync(at("pkg", "dist", "generated", "streamkit.wasm"))],
	].map(([name, bytes]) => ({
		name,
		raw: bytes.length,
		gzip: gzipSync(bytes, { level: 9 }).length,
		brotli: brotliCompressSync(bytes).length,
	}));
	const sum = (key) => parts.reduce((total, part) => total + part[key], 0);
	const total = { name: "together", raw: sum("raw"), gzip: sum("gzip"), brotli: sum("brotli") };
	const cell = (value) => String(value).padStart(10);
	say(`${"bytes".padEnd(14)}${["raw", "gzip", "brotli"].map(cell).join("")}`);
	for (const { name, raw, gzip, brotli } of [...parts, total]) {
		say(`${name.padEnd(14)}${[raw, gzip, brotli].map(cell).join("")}`);
	}
	if (total.gzip > ceiling) throw new Problem(`${total.gzip} bytes with gzip is above the ceiling of ${ceiling}`);
	const times = (total.gzip / budget).toFixed(2);
	say(`${times} x the budget of ${budget} bytes with gzip; the ceiling is ${ceiling}`);
});
