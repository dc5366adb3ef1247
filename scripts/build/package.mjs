// TypeScript -> ES modules and CommonJS with declarations of both kinds. Modules that two subpaths share exist once, in
// either format: of ES modules, what subpaths share is in files of their own; CommonJS stays file by file.

import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { build } from "esbuild";
import { run } from "../lib/process.mjs";
import { at } from "../lib/root.mjs";
import { filesBelow } from "../lib/stamp.mjs";

// Entries that load the engine in ways that only ES modules can express, and the program that nobody imports.
const modulesOnly = /\/src\/(entry\/(browser|edge-light|workerd)|cli|cli\/.+)\.ts$/;

/** What is no source of the package is imported when it runs: packages, Node's modules, and the engine. */
const ownSourcesOnly = {
	name: "own-sources-only",
	setup(builder) {
		builder.onResolve({ filter: /^[^.]|\.wasm(\?module)?$/ }, ({ path, kind }) =>
			kind === "entry-point" ? undefined : { path, external: true },
		);
	},
};

/** Every import stays an import; a relative one names the file as it is called in the output. */
const everyImport = {
	name: "every-import",
	setup(builder) {
		builder.onResolve({ filter: /.*/ }, ({ path, kind }) => {
			if (kind === "entry-point") return undefined;
			return { path: path.startsWith(".") ? path.replace(/\.[jt]s$/, ".cjs") : path, external: true };
		});
	},
};

const compile = (folder, files, options) =>
	build({
		entryPoints: files.map((path) => at(path)),
		outbase: at(folder, "src"),
		outdir: at(folder, "dist"),
		bundle: true,
		target: "es2022",
		logLevel: "warning",
		...options,
	});

/** Few files: a program that imports many begins late, and so does a page that is served without a bundler. */
async function compileModules(folder, entries) {
	const { outputFiles } = await compile(folder, entries, {
		format: "esm",
		platform: "neutral",
		splitting: true,
		chunkNames: "shared/[name]-[hash]",
		plugins: [ownSourcesOnly],
		write: false,
	});
	for (const { path, text } of outputFiles) {
		mkdirSync(dirname(path), { recursive: true });
		// Importing what nothing is taken from does nothing, since shared modules have no side effects; bundlers warn of it.
		writeFileSync(path, text.replace(/^import "\.{1,2}\/[^"]+";\n/gm, ""));
	}
}

const compileCommonJs = (folder, files, options) =>
	compile(folder, files, {
		format: "cjs",
		// This adds the list of names by which an ES module may import them.
		platform: "node",
		outExtension: { ".js": ".cjs" },
		plugins: [everyImport],
		...options,
	});

const manifestOf = (folder) => JSON.parse(readFileSync(at(folder, "package.json"), "utf8"));

/** The files that a package's subpaths lead to, by the end of their names. */
function targetsOf(folder, end) {
	const targets = (value) => (typeof value === "string" ? [value] : Object.values(value).flatMap(targets));
	return new Set(targets(manifestOf(folder).exports).filter((path) => path.endsWith(end)));
}

/** The sources of the ES modules that a package's subpaths and programs begin with. */
function entriesOf(folder) {
	const { bin } = manifestOf(folder);
	const modules = targetsOf(folder, ".js");
	for (const program of Object.values(bin ?? {})) {
		const [, path] = /"\.\.\/(dist\/.+\.js)"/.exec(readFileSync(at(folder, program), "utf8"));
		modules.add(path);
	}
	return [...modules].map((path) => join(folder, path.replace(/^(\.\/)?dist\/(.+)\.js$/, "src/$2.ts")));
}

/** What stands for import.meta.url in CommonJS; only files that use it may ask for a Node module. */
const ownUrl = {
	define: { "import.meta.url": "importMetaUrl" },
	banner: { js: '"use strict";\nconst importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
};

const RELATIVE_IMPORT = /(?:from|import)\s*\(?\s*["'](\.{1,2}\/[^"']+)\.js["']/g;

/** Removes declarations that no subpath leads to: those of what is inside, which nobody can import. */
function dropInternalDeclarations(folder) {
	const reached = new Set();
	const reach = (path) => {
		if (reached.has(path)) return;
		reached.add(path);
		const text = readFileSync(at(path), "utf8");
		for (const [, name] of text.matchAll(RELATIVE_IMPORT)) reach(join(dirname(path), `${name}.d.ts`));
	};
	for (const path of targetsOf(folder, ".d.ts")) reach(join(folder, path));
	for (const path of filesBelow([join(folder, "dist")])) {
		if (path.endsWith(".d.ts") && !reached.has(path)) rmSync(at(path));
	}
}

/** A copy of every declaration for importers in CommonJS. */
function declareCommonJs(folder) {
	for (const path of filesBelow([join(folder, "dist")])) {
		if (!path.endsWith(".d.ts")) continue;
		const text = readFileSync(at(path), "utf8");
		const own = text.replace(RELATIVE_IMPORT, (whole) => whole.replace(/\.js(["'])$/, ".cjs$1"));
		writeFileSync(at(path.replace(/\.d\.ts$/, ".d.cts")), own);
	}
}

export async function buildPackage(folder) {
	const dist = at(folder, "dist");
	rmSync(dist, { recursive: true, force: true });
	const all = filesBelow([join(folder, "src")]);
	const code = all.filter((path) => /\.[jt]s$/.test(path) && !path.endsWith(".d.ts"));

	await run("tsc", ["--project", join(folder, "tsconfig.build.json")]);
	await compileModules(folder, entriesOf(folder));
	const both = code.filter((path) => !modulesOnly.test(path));
	const usesUrl = (path) => readFileSync(at(path), "utf8").includes("import.meta.url");
	await compileCommonJs(
		folder,
		both.filter((path) => !usesUrl(path)),
	);
	await compileCommonJs(folder, both.filter(usesUrl), ownUrl);
	for (const path of all) {
		if (path.endsWith(".wasm")) copyFileSync(at(path), join(dist, relative(join(folder, "src"), path)));
	}
	dropInternalDeclarations(folder);
	declareCommonJs(folder);
}
