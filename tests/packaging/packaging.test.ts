import assert from "node:assert/strict";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Packed, Project, pack, program, repository, runIn, temporaryFolder } from "./packed-project.js";

let folder: string;
let streamkit: Packed;
let adapter: Packed;
let project: Project;

before(async () => {
	folder = await temporaryFolder();
	streamkit = await pack("pkg", folder);
	adapter = await pack("node-adapter", folder);
	const user = join(folder, "user");
	await mkdir(user);
	project = await Project.create(user, [streamkit, adapter]);
});

after(() => rm(folder, { recursive: true, force: true }));

const roundTrip = `
	const store = await openStore(memoryHost());
	const status = await store.publish("orders", "order-1", "hello", { metadata: { kind: "greeting" } });
	const entries = await store.consumeSegment({ space: "orders", segment: "order-1" }).toArray();
	console.log(status.lastSequence, entries.length, entries[0].text(), entries[0].metadata.kind);
	await store.close();
`;
const expected = "1 1 hello greeting";

const asModule = (specifier: string) => `import { memoryHost, openStore } from "${specifier}";${roundTrip}`;
const asCommonJs = (specifier: string) =>
	`const { memoryHost, openStore } = require("${specifier}");\n(async () => {${roundTrip}})();`;

for (const specifier of ["streamkit", "streamkit/inline"]) {
	test(`${specifier} as an ES module`, async () => {
		assert.equal(await project.run("module.mjs", asModule(specifier)), expected);
	});

	test(`${specifier} as CommonJS`, async () => {
		assert.equal(await project.run("common.cjs", asCommonJs(specifier)), expected);
	});
}

test("a runtime that is neither Node nor a browser gets the inline engine", async () => {
	await project.write("module.mjs", asModule("streamkit"));
	const bundled = await runIn(
		project.folder,
		program("esbuild"),
		"module.mjs",
		"--bundle",
		"--format=esm",
		"--platform=neutral",
	);
	await project.write("bundled.mjs", bundled);
	assert.equal((await runIn(project.folder, process.execPath, "bundled.mjs")).trim(), expected);
});

test("the slim entry opens a store with the engine that it is given", async () => {
	const text = `
		import { readFile } from "node:fs/promises";
		import { fileURLToPath } from "node:url";
		import { memoryHost, openStore, registerWasm } from "streamkit/slim";
		const path = fileURLToPath(import.meta.resolve("streamkit/wasm"));
		registerWasm(async () => WebAssembly.compile(await readFile(path)));
		${roundTrip}
	`;
	assert.equal(await project.run("slim.mjs", text), expected);
});

test("an import runs nothing: no compiling, no randomness, no timers", async () => {
	const text = `
		const forbid = (owner, name) => {
			owner[name] = () => { throw new Error(name + " was called at import"); };
		};
		for (const name of ["compile", "instantiate", "Module", "Instance"]) forbid(WebAssembly, name);
		for (const name of ["getRandomValues", "randomUUID"]) forbid(Object.getPrototypeOf(crypto), name);
		for (const name of ["setTimeout", "setInterval", "fetch"]) forbid(globalThis, name);
		await import("streamkit");
		await import("streamkit/inline");
		await import("streamkit/indexeddb");
		await import("streamkit/level");
		await import("streamkit/cloudflare");
		await import("streamkit/azure");
		console.log("quiet");
	`;
	assert.equal(await project.run("quiet.mjs", text), "quiet");
});

test("a directory store keeps entries from one process to the next", async () => {
	const open = (body: string) =>
		`import { openDirectory } from "@streamkit/node";\nconst store = await openDirectory("data");\n${body}\nawait store.close();`;
	await project.run("write.mjs", open('await store.publish("orders", "order-1", "kept");'));
	const printed = await project.run("read.mjs", open('console.log((await store.peek("orders", "order-1")).text());'));
	assert.equal(printed, "kept");
});

test("the command line is installed", async () => {
	const help = await runIn(project.folder, join(project.folder, "node_modules", ".bin", "streamkit"), "--help");
	assert.match(help, /streamkit/);
});

test("the types suit users of every module system", async () => {
	const user = `
		import { memoryHost, openStore, type Entry, type Store } from "streamkit";
		import { durableObjectHost, workersKvHost } from "streamkit/cloudflare";
		import { azureTableHost } from "streamkit/azure";
		import { indexedDbHost } from "streamkit/indexeddb";
		import { levelHost } from "streamkit/level";
		import { manualClock } from "streamkit/testing";
		import { openDirectory } from "@streamkit/node";
		export async function read(): Promise<readonly Entry[]> {
			const store: Store = await openStore(memoryHost(), { clock: manualClock(1), signal: undefined });
			return store.consumeSegment({ space: "orders", segment: "order-1" }).toArray();
		}
		const edge = [durableObjectHost, workersKvHost];
		export const openers: readonly unknown[] = [...edge, azureTableHost, indexedDbHost, levelHost, openDirectory];
	`;
	await project.write("types/user.mts", user);
	await project.write("types/user.cts", user);
	await project.write("types/user.ts", user);
	const lib = ["--lib", "es2022,dom,dom.iterable,esnext.disposable", "--target", "es2022"];
	const strict = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", ...lib];
	const check = (...args: string[]) => runIn(join(project.folder, "types"), program("tsc"), ...strict, ...args);
	for (const module of ["node16", "nodenext"]) await check("--module", module, "user.mts", "user.cts");
	await check("--module", "esnext", "--moduleResolution", "bundler", "user.ts");
	// What a browser's project has by default knows nothing of disposables; of two, the later --lib counts.
	await check("--lib", "es2022,dom", "--module", "esnext", "--moduleResolution", "bundler", "user.ts");
	// A project of Node alone has no types of the web but those of @types/node.
	const entries = ["", "/inline", "/slim", "/indexeddb", "/cloudflare", "/azure", "/level", "/testing"];
	const all = [...entries.map((entry) => `streamkit${entry}`), "@streamkit/node"];
	await project.write("types/node.mts", all.map((name, i) => `export * as _${i} from "${name}";\n`).join(""));
	const ofNode = ["--types", "node", "--typeRoots", join(repository, "node_modules", "@types")];
	await check("--lib", "es2023", ...ofNode, "--module", "node16", "node.mts");
});

test("only what users need is packed", () => {
	for (const { name, files } of [streamkit, adapter]) {
		const other = files.filter((path) => !/^(dist\/|bin\/|README\.md$|LICENSE$|package\.json$)/.test(path));
		assert.deepEqual(other, [], name);
		assert.ok(files.includes("LICENSE"), `${name}: LICENSE`);
		assert.ok(files.includes("README.md"), `${name}: README.md`);
	}
	const engines = ["dist/generated/light/streamkit.wasm", "dist/generated/streamkit.wasm"];
	assert.deepEqual(streamkit.files.filter((path) => path.endsWith(".wasm")).sort(), engines);
	// No subpath leads to these.
	const inside = /^dist\/(cli|directory\/journal|engine\/slot|framing|reading|writing)\b.*\.d\.c?ts$/;
	for (const { name, files } of [streamkit, adapter])
		assert.deepEqual(
			files.filter((path) => inside.test(path)),
			[],
			name,
		);
});

test("publint finds nothing", async () => {
	for (const { tarball } of [streamkit, adapter]) await runIn(folder, program("publint"), "run", tarball, "--strict");
});

test("the declarations match the code for every importer", async () => {
	// The engines are files, not modules: they have no types.
	const files = ["--exclude-entrypoints", "wasm", "wasm/light"];
	await runIn(folder, program("attw"), streamkit.tarball, "--profile", "node16", ...files);
	await runIn(folder, program("attw"), adapter.tarball, "--profile", "node16");
});
