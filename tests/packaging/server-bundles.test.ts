// What bundlers make of the packed package for a server: whether or not the engine's file comes along, stores open.

import assert from "node:assert/strict";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { build as esbuild, type Format } from "esbuild";
import { build as viteBuild } from "vite";
import { Project, pack, temporaryFolder } from "./packed-project.js";
import { runWebpack } from "./with-webpack.js";

let folder: string;
let project: Project;

const app = (imports: string): string => `
	${imports}
	globalThis.result = (async () => {
		const store = await openStore(memoryHost());
		await store.publish("orders", "order-1", "hello");
		const entry = await store.peek("orders", "order-1");
		await store.close();
		return entry.text();
	})();
`;

before(async () => {
	folder = await temporaryFolder();
	const user = join(folder, "user");
	await mkdir(user);
	project = await Project.create(user, [await pack("pkg", folder)]);
	await project.write("main.mjs", app('import { memoryHost, openStore } from "streamkit";'));
	await project.write("main.cjs", app('const { memoryHost, openStore } = require("streamkit");'));
});

after(() => rm(folder, { recursive: true, force: true }));

async function run(bundle: string): Promise<string> {
	const url = JSON.stringify(pathToFileURL(bundle).href);
	return project.run("run.mjs", `await import(${url}); console.log(await globalThis.result);`);
}

async function withWebpack(entry: string, into: string): Promise<string> {
	const found = await runWebpack({
		context: project.folder,
		entry: `./${entry}`,
		target: "node20",
		output: { path: into, filename: "bundle.cjs" },
	});
	assert.deepEqual(found?.errors, []);
	return join(into, "bundle.cjs");
}

async function withEsbuild(entry: string, into: string, format: Format, name: string): Promise<string> {
	const outfile = join(into, name);
	await esbuild({
		absWorkingDir: project.folder,
		entryPoints: [entry],
		outfile,
		bundle: true,
		format,
		platform: "node",
		logLevel: "silent",
	});
	return outfile;
}

async function withVite(entry: string, into: string): Promise<string> {
	await viteBuild({
		root: project.folder,
		logLevel: "error",
		configFile: false,
		ssr: { noExternal: true },
		build: { ssr: entry, outDir: into, rollupOptions: { output: { entryFileNames: "bundle.mjs" } } },
	});
	return join(into, "bundle.mjs");
}

const bundles: Readonly<Record<string, (into: string) => Promise<string>>> = {
	"webpack, an ES module": (into) => withWebpack("main.mjs", into),
	"webpack, CommonJS": (into) => withWebpack("main.cjs", into),
	"esbuild, an ES module": (into) => withEsbuild("main.mjs", into, "esm", "bundle.mjs"),
	"esbuild, an ES module as CommonJS": (into) => withEsbuild("main.mjs", into, "cjs", "bundle.cjs"),
	"esbuild, CommonJS": (into) => withEsbuild("main.cjs", into, "cjs", "bundle.cjs"),
	"Vite, for the server": (into) => withVite("main.mjs", into),
};

test("a bundle for a server opens stores where the package is not there", async (t) => {
	const made = new Map<string, string>();
	for (const [name, bundle] of Object.entries(bundles)) {
		const into = join(folder, `out-${made.size}`);
		await mkdir(into);
		made.set(name, await bundle(into));
	}
	// Else a bundle might find the file there after all.
	await rm(join(project.folder, "node_modules"), { recursive: true });
	for (const [name, path] of made) {
		await t.test(name, async () => assert.equal(await run(path), "hello"));
	}
});
