// The packed package in other runtimes than Node and browsers.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { arch, platform } from "node:process";
import { after, before, test } from "node:test";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { Project, pack, repository, runIn, temporaryFolder } from "./packed-project.js";

let folder: string;
let project: Project;

before(async () => {
	folder = await temporaryFolder();
	const user = join(folder, "user");
	await mkdir(user);
	project = await Project.create(user, [await pack("pkg", folder)]);
});

after(() => rm(folder, { recursive: true, force: true }));

const roundTrip = `
	const store = await openStore(memoryHost());
	const status = await store.publish("orders", "order-1", "hello");
	const entries = await store.consumeSpace({ space: "orders" }).toArray();
	await store.close();
	const result = [status.lastSequence, entries.length, entries[0].text()].join(" ");
`;
const expected = "1 1 hello";

/** The runtime's program, where its package could be installed. */
const program = (...path: string[]): string => join(repository, "node_modules", ...path);
const deno = program("@deno", "linux-x64-glibc", "deno");
const bun = program("@oven", "bun-linux-x64", "bin", "bun");
// Where they are made for, an installation without them is broken.
const isMadeFor = platform === "linux" && arch === "x64" && existsSync("/lib64/ld-linux-x86-64.so.2");
const unless = (path: string): string | false =>
	isMadeFor || existsSync(path) ? false : `${path} is not installed on this platform`;

for (const [name, path, ...args] of [
	["Deno", deno, "run", "--no-remote", "--no-lock", "--allow-read", "--allow-env"],
	["Bun", bun, "run"],
] as const) {
	for (const specifier of ["streamkit", "streamkit/inline"]) {
		test(`${name}: ${specifier} opens a store, appends and reads`, { skip: unless(path) }, async () => {
			const text = `import { memoryHost, openStore } from "${specifier}";\n${roundTrip}\nconsole.log(result);\n`;
			await project.write("main.mjs", text);
			const printed = await runIn(project.folder, path, ...args, "main.mjs");
			assert.equal(printed.trim(), expected);
		});
	}
}

test("a Worker in workerd opens a store, appends and reads", async (t) => {
	await project.write(
		"worker.js",
		`import { memoryHost, openStore } from "streamkit";
		export default {
			async fetch() {
				${roundTrip}
				return new Response(result);
			},
		};`,
	);
	const out = join(project.folder, "worker");
	await build({
		absWorkingDir: project.folder,
		entryPoints: ["worker.js"],
		outdir: out,
		bundle: true,
		format: "esm",
		platform: "neutral",
		conditions: ["workerd", "worker"],
		target: "es2022",
		// The engine stays a module of its own: workerd compiles it when the Worker is deployed.
		loader: { ".wasm": "copy" },
		logLevel: "silent",
	});
	const engine = (await readdir(out)).find((name) => name.endsWith(".wasm")) ?? "";
	const worker = new Miniflare({
		modulesRoot: out,
		modules: [
			{ type: "ESModule", path: join(out, "worker.js"), contents: await readFile(join(out, "worker.js"), "utf8") },
			{ type: "CompiledWasm", path: join(out, engine), contents: await readFile(join(out, engine)) },
		],
		compatibilityDate: "2026-04-01",
		host: "127.0.0.1",
	});
	t.after(() => worker.dispose());
	const response = await worker.dispatchFetch("http://localhost/");
	assert.equal(await response.text(), expected);
});
