import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { DirectoryHost } from "../src/directory/host.js";
import { openDirectory } from "../src/directory/open-directory.js";
import { batch, runChild, temporaryDirectory } from "./support.js";

// What never comes is waited for until then.
const PATIENCE = { timeout: 60_000 };

async function until(happened: () => boolean): Promise<void> {
	while (!happened()) await sleep(5);
}

test("another host in the process is told of commits, and not of its own", PATIENCE, async () => {
	const path = temporaryDirectory();
	const writer = new DirectoryHost(path);
	const reader = new DirectoryHost(path);
	const told: string[] = [];
	writer.watch(() => told.push("writer"));
	reader.watch(() => told.push("reader"));
	await writer.commit(batch({ a: "1" }));
	writer.notify();
	await until(() => told.length > 0);
	await sleep(100);
	assert.deepEqual(told, ["reader"]);
	await reader.commit(batch({ a: "2" }, "strict"));
	reader.notify();
	await until(() => told.length > 1);
	await sleep(100);
	assert.deepEqual(told, ["reader", "writer"]);
	await Promise.all([writer.close(), reader.close()]);
});

test("a store is written to, read and closed while a test runner's timers stand still", PATIENCE, async (t) => {
	t.mock.timers.enable();
	t.mock.method(globalThis, "queueMicrotask", () => {});
	const path = temporaryDirectory();
	const [writer, reader] = [await openDirectory(path), await openDirectory(path)];
	const payload = new Uint8Array(1 << 16);
	for (let i = 0; i < 100; i++) await writer.publish("s", "g", payload, { durability: "relaxed" });
	assert.equal((await reader.getSegmentStatus("s", "g"))?.lastSequence, 100);
	await Promise.all([writer.close(), reader.close()]);
});

test("another process is told", PATIENCE, async () => {
	const path = temporaryDirectory();
	const host = new DirectoryHost(path);
	await host.commit(batch({ a: "1" }));
	const lines: string[] = [];
	const child = await runChild("listen", [path], {
		onLine: (line) => {
			lines.push(line);
			if (line !== '"listening"') return;
			void host.commit(batch({ a: "2" }));
			host.notify();
		},
	});
	assert.equal(child.code, 0, child.stderr);
	assert.deepEqual(lines, ['"listening"', '"changed"']);
	await host.close();
});

test("many notifications become few hints, and the last one is not lost", PATIENCE, async () => {
	const path = temporaryDirectory();
	const writer = new DirectoryHost(path);
	const reader = new DirectoryHost(path);
	let hints = 0;
	reader.watch(() => {
		hints += 1;
	});
	for (let number = 0; number < 1000; number += 1) {
		void writer.commit(batch({ a: String(number) }));
		writer.notify();
	}
	await until(() => hints > 0);
	await sleep(100);
	assert.ok(hints < 100, String(hints));
	await Promise.all([writer.close(), reader.close()]);
});

test("a listener that stopped is not called again", async () => {
	const path = temporaryDirectory();
	const writer = new DirectoryHost(path);
	const reader = new DirectoryHost(path);
	let hints = 0;
	const stop = reader.watch(() => {
		hints += 1;
	});
	stop();
	stop();
	void writer.commit(batch({ a: "1" }));
	writer.notify();
	await sleep(50);
	assert.equal(hints, 0);
	await Promise.all([writer.close(), reader.close()]);
});

test("watching and notifying keep no process alive, even one that does not close", PATIENCE, async () => {
	const child = await runChild("idle", [temporaryDirectory()]);
	assert.equal(child.code, 0, child.stderr);
	assert.equal(child.stderr, "");
});

test("a watched directory that is deleted is no error", async () => {
	const path = join(temporaryDirectory(), "store");
	const host = new DirectoryHost(path);
	host.watch(() => {});
	rmSync(path, { recursive: true });
	await sleep(50);
	host.notify();
	await host.close();
});
