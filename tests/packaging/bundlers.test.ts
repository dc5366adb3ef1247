// What bundlers make of the packed package: the engine must come along as a file, and be found from the bundle.

import assert from "node:assert/strict";
import { copyFile, mkdir, readdir, rm } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { after, before, test } from "node:test";
import { build as esbuild } from "esbuild";
import { build as viteBuild, createServer as viteServer } from "vite";
import { noChromium, resultOf } from "./chromium.js";
import { Project, pack, temporaryFolder } from "./packed-project.js";
import { serve } from "./static-server.js";
import { runWebpack } from "./with-webpack.js";

let folder: string;
let project: Project;

const app = (specifier: string): string => `
	import { memoryHost, openStore } from "${specifier}";
	globalThis.result = (async () => {
		const store = await openStore(memoryHost());
		const status = await store.publish("orders", "order-1", "hello");
		const entries = await store.consumeSpace({ space: "orders" }).toArray();
		await store.close();
		return [status.lastSequence, entries.length, entries[0].text()].join(" ");
	})();
`;
const expected = "1 1 hello";
const page = (script: string): string =>
	`<!doctype html><title>Test</title><script type="module" src="${script}"></script>`;

before(async () => {
	folder = await temporaryFolder();
	const user = join(folder, "user");
	await mkdir(user);
	project = await Project.create(user, [await pack("pkg", folder)]);
	await project.write("main.js", app("streamkit"));
	await project.write("inline.js", app("streamkit/inline"));
	await project.write("index.html", page("/main.js"));
});

after(() => rm(folder, { recursive: true, force: true }));

/** Runs a browser's bundle in Node, with files served in place of the network. */
async function runInNode(bundle: string): Promise<string> {
	const path = JSON.stringify(bundle);
	const runner = `
		import { readFile } from "node:fs/promises";
		import { pathToFileURL } from "node:url";
		globalThis.fetch = async (url) => {
			const type = String(url).endsWith(".wasm") ? "application/wasm" : "text/html";
			return new Response(await readFile(new URL(url)), { headers: { "content-type": type } });
		};
		// What a page's scripts expect to be there.
		const element = { relList: { supports: () => true } };
		globalThis.document = { baseURI: pathToFileURL(${path}).href, createElement: () => element };
		await import(pathToFileURL(${path}).href);
		console.log(await globalThis.result);
	`;
	return project.run("run.mjs", runner);
}

async function filesLike(path: string, name: RegExp): Promise<string[]> {
	const found = (await readdir(path, { recursive: true })).filter((file) => name.test(file));
	assert.ok(found.length > 0, `there is no file like ${name} in ${path}`);
	return found.map((file) => join(path, file));
}

interface Bundler {
	readonly name: string;
	/** Bundles the user's page into the folder; gives the script's path. */
	readonly bundle: (into: string) => Promise<string>;
}

const bundlers: readonly Bundler[] = [
	{
		name: "Vite",
		async bundle(into) {
			await viteBuild({
				root: project.folder,
				base: "./",
				logLevel: "error",
				configFile: false,
				build: { outDir: into },
			});
			await filesLike(into, /\.wasm$/);
			const [script] = await filesLike(into, /index-[^/]*\.js$/);
			return script as string;
		},
	},
	{
		name: "webpack",
		async bundle(into) {
			const found = await runWebpack({
				context: project.folder,
				entry: "./main.js",
				target: ["web", "es2022"],
				experiments: { outputModule: true },
				output: { path: into, filename: "bundle.js", module: true },
			});
			assert.deepEqual(found?.errors, []);
			assert.deepEqual(found?.warnings, []);
			await filesLike(into, /\.wasm$/);
			await project.write(join("webpack", "index.html"), page("./bundle.js"));
			return join(into, "bundle.js");
		},
	},
	{
		name: "esbuild, which leaves files to the user",
		async bundle(into) {
			await bundleWithEsbuild("main.js", join(into, "js"));
			// The bundle looks for engines where the package has them: one folder up.
			const dist = join(project.folder, "node_modules", "streamkit", "dist");
			for (const engine of await filesLike(dist, /\.wasm$/)) {
				const copy = join(into, relative(dist, engine));
				await mkdir(dirname(copy), { recursive: true });
				await copyFile(engine, copy);
			}
			return join(into, "js", "bundle.js");
		},
	},
	{
		name: "esbuild with the inline engine",
		async bundle(into) {
			await bundleWithEsbuild("inline.js", join(into, "js"));
			return join(into, "js", "bundle.js");
		},
	},
];

async function bundleWithEsbuild(entry: string, outdir: string): Promise<void> {
	const { warnings } = await esbuild({
		absWorkingDir: project.folder,
		entryPoints: { bundle: entry },
		outdir,
		bundle: true,
		format: "esm",
		platform: "browser",
		target: "es2022",
		logLevel: "silent",
	});
	assert.deepEqual(warnings, []);
}

for (const [index, { name, bundle }] of bundlers.entries()) {
	let into = "";
	let script = "";

	test(`${name}: the bundle opens a store, appends and reads`, async () => {
		into = join(project.folder, name === "webpack" ? "webpack" : `out-${index}`);
		await mkdir(into, { recursive: true });
		script = await bundle(into);
		assert.equal(await runInNode(script), expected);
	});

	test(`${name}: the bundle runs in Chromium`, { skip: noChromium }, async (t) => {
		if (name.startsWith("esbuild")) await project.write(join(`out-${index}`, "index.html"), page("./js/bundle.js"));
		assert.equal(await resultOf(t, await serve(t, into)), expected);
	});
}

test("Vite's development server serves the engine", { skip: noChromium }, async (t) => {
	const server = await viteServer({
		root: project.folder,
		configFile: false,
		logLevel: "error",
		cacheDir: join(folder, "vite-cache"),
		server: { host: "127.0.0.1", port: 0, hmr: false, watch: null },
	});
	t.after(() => server.close());
	await server.listen();
	const url = server.resolvedUrls?.local[0];
	assert.ok(url !== undefined, "the server has an address");
	assert.equal(await resultOf(t, url), expected);
});
