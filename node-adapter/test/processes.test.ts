import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { DirectoryHost } from "../src/directory/host.js";
import { bytes, numberKey, runChild, temporaryDirectory, text } from "./support.js";

for (const [durability, times] of [
	["relaxed", 2000],
	["strict", 100],
] as const) {
	test(`four processes that count with checks lose nothing (${durability})`, async () => {
		const path = join(temporaryDirectory(), "store");
		const children = await Promise.all(
			[1, 2, 3, 4].map(() => runChild("increment", [path, String(times), durability])),
		);
		for (const child of children) assert.equal(child.code, 0, child.stderr);
		const host = new DirectoryHost(path);
		assert.equal(text(host.get([bytes("number")])[0]), String(4 * times));
		await host.close();
	});
}

test("processes with either durability count together", async () => {
	const path = join(temporaryDirectory(), "store");
	const children = await Promise.all(
		["strict", "relaxed", "strict", "relaxed"].map((durability) => runChild("increment", [path, "150", durability])),
	);
	for (const child of children) assert.equal(child.code, 0, child.stderr);
	const host = new DirectoryHost(path);
	assert.equal(text(host.get([bytes("number")])[0]), "600");
	await host.close();
});

test("processes that open and close all the time lose nothing of each other", async () => {
	const path = join(temporaryDirectory(), "store");
	const tasks = [
		["reopen", [path, "300"]],
		["reopen", [path, "300"]],
		["increment", [path, "300", "relaxed"]],
	] as const;
	const children = await Promise.all(tasks.map(([task, args]) => runChild(task, [...args])));
	for (const child of children) assert.equal(child.code, 0, child.stderr);
	const host = new DirectoryHost(path);
	assert.equal(text(host.get([bytes("number")])[0]), "900");
	await host.close();
});

test("the map grows under three processes that read each other's rows", async () => {
	const path = join(temporaryDirectory(), "store");
	const rows = Number(process.env["STREAMKIT_TEST_GROW_MEGABYTES"] ?? "150");
	const children = await Promise.all([1, 2, 3].map((prefix) => runChild("grow", [path, String(prefix), String(rows)])));
	for (const child of children) assert.equal(child.code, 0, child.stderr);
	const host = new DirectoryHost(path);
	assert.equal(
		host.scan({ start: numberKey(0), end: numberKey(1e12), limit: 1e6, keysOnly: true }).keys.length,
		3 * rows,
	);
	assert.ok(statSync(join(path, "data.mdb")).size >= 3 * rows * 1024 * 1024);
	await host.close();
});

test("worker threads and the main thread share a directory", async () => {
	const path = join(temporaryDirectory(), "store");
	const host = new DirectoryHost(path);
	// A worker has no loader for TypeScript of its own.
	const child = JSON.stringify(new URL("child.ts", import.meta.url).href);
	const loader = JSON.stringify(import.meta.resolve("tsx/esm/api"));
	const script = `import(${loader}).then(({ register }) => { register(); return import(${child}); })`;
	const run = () =>
		new Promise<void>((resolve, reject) => {
			const worker = new Worker(script, { eval: true, argv: ["increment", path, "300", "relaxed"], stdout: true });
			worker.on("error", reject);
			worker.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`exit code ${code}`))));
		});
	await Promise.all([run(), run(), run()]);
	assert.equal(text(host.get([bytes("number")])[0]), "900");
	await host.close();
	const again = new DirectoryHost(path);
	assert.equal(text(again.get([bytes("number")])[0]), "900");
	await again.close();
});

for (const durability of ["relaxed", "strict"]) {
	test(`what was committed survives the process being killed (${durability})`, async () => {
		const path = join(temporaryDirectory(), "store");
		let before = 0;
		for (let round = 0; round < 4; round += 1) {
			let last = 0;
			const target = 20 + round * 150;
			await runChild("count", [path, durability], {
				onLine: (line, child) => {
					last = Number(line);
					if (last === target) child.kill("SIGKILL");
				},
			});
			const host = new DirectoryHost(path);
			const stored = Number(text(host.get([bytes("number")])[0]));
			assert.ok(stored >= last && last >= target, `${stored} stored, ${last} seen`);
			assert.equal(text(host.get([bytes(`row ${stored % 97}`)])[0]), String(stored).repeat(50));
			await host.close();
			before += last;
		}
		assert.ok(before > 0);
	});
}

test("readers of killed processes do not keep the file growing", async () => {
	const path = join(temporaryDirectory(), "store");
	for (let round = 0; round < 3; round += 1) {
		await runChild("count", [path, "relaxed"], {
			onLine: (line, child) => {
				if (line === "30") child.kill("SIGKILL");
			},
		});
	}
	const host = new DirectoryHost(path);
	const value = new Uint8Array(50_000);
	const write = async (from: number, to: number) => {
		for (let number = from; number < to; number += 1) {
			value.fill(number);
			await host.commit({
				checks: [],
				deletes: [],
				puts: [{ key: numberKey(number % 5), value }],
				durability: "strict",
			});
		}
	};
	await write(0, 50);
	const size = statSync(join(path, "data.mdb")).size;
	await write(50, 300);
	assert.ok(statSync(join(path, "data.mdb")).size <= size * 2);
	await host.close();
});
