// TypeScript -> ES modules and CommonJS with declarations of both kinds, file by file: modules that
// two subpaths share exist once, in either format.

import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { build } from "esbuild";
import { run } from "../lib/process.mjs";
import { at } from "../lib/root.mjs";
import { filesBelow } from "../lib/stamp.mjs";

// Entries that load the engine in ways that only ES modules can express, and the program that nobody imports.
const modulesOnly = /\/src\/(entry\/(browser|edge-light|workerd)|cli|cli\/.+)\.ts$/;

/** Every import stays an import; a relative one names the file as it is called in the output. */
const keepImports = (extension) => ({
	name: "keep-imports",
	setup(builder) {
		builder.onResolve({ filter: /.*/ }, ({ path, kind }) => {
			if (kind === "entry-point") return undefined;
			const own = path.startsWith(".") ? path.replace(/\.[jt]s$/, extension) : path;
			return { path: own, external: true };
		});
	},
});

function compile(folder, files, format, options) {
	const commonJs = format === "cjs";
	return build({
		entryPoints: files.map((path) => at(path)),
		outbase: at(folder, "src"),
		outdir: at(folder, "dist"),
		outExtension: { ".js": commonJs ? ".cjs" : ".js" },
		bundle: true,
		plugins: [keepImports(commonJs ? ".cjs" : ".js")],
		format,
		// For CommonJS this adds the list of names by which an ES module may import them.
		platform: commonJs ? "node" : "neutral",
		target: "es2022",
		logLevel: "warning",
		...options,
	});
}

/** What stands for import.meta.url in CommonJS; only files that use it may ask for a Node module. */
const ownUrl = {
	define: { "import.meta.url": "importMetaUrl" },
	banner: { js: '"use strict";\nconst importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
};

/** A copy of every declaration for importers in CommonJS. */
function declareCommonJs(folder) {
	for (const path of filesBelow([join(folder, "dist")])) {
		if (!path.endsWith(".d.ts")) continue;
		const text = readFileSync(at(path), "utf8");
		const own = text.replace(/((?:from|import)\s*\(?\s*["']\.{1,2}\/[^"']+)\.js(["'])/g, "$1.cjs$2");
		writeFileSync(at(path.replace(/\.d\.ts$/, ".d.cts")), own);
	}
}

export async function buildPackage(folder) {
	const dist = at(folder, "dist");
	rmSync(dist, { recursive: true, force: true });
	const all = filesBelow([join(folder, "src")]);
	const code = all.filter((path) => /\.[jt]s$/.test(path) && !path.endsWith(".d.ts"));

	await run("tsc", ["--project", join(folder, "tsconfig.build.json")]);
	await compile(folder, code, "esm");
	const both = code.filter((path) => !modulesOnly.test(path));
	const usesUrl = (path) => readFileSync(at(path), "utf8").includes("import.meta.url");
	await compile(
		folder,
		both.filter((path) => !usesUrl(path)),
		"cjs",
	);
	await compile(folder, both.filter(usesUrl), "cjs", ownUrl);
	for (const path of all) {
		if (path.endsWith(".wasm") || (path.includes("generated") && path.endsWith(".d.ts"))) {
			copyFileSync(at(path), join(dist, relative(join(folder, "src"), path)));
		}
	}
	declareCommonJs(folder);
}
