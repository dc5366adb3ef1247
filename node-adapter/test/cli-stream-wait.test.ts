import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { openDirectory } from "../src/directory/open-directory.js";
import { cli, done, objects, parseLines } from "./cli-support.js";
import { temporaryDirectory } from "./support.js";

const fresh = (): string => join(temporaryDirectory(), "store");
const stream = (dir: string, ...args: readonly string[]): string[] => ["stream", ...args, "--dir", dir];

/** Appends "tick" now and then, until a promise is settled: for a reader that only sees what comes after it began. */
async function ticking<T>(dir: string, until: Promise<T>): Promise<T> {
	const store = await openDirectory(dir);
	let over = false;
	const settled = until.finally(() => {
		over = true;
	});
	while (!over) {
		await store.streams.append("s", "tick");
		await Promise.race([settled.catch(() => {}), new Promise((resolve) => setTimeout(resolve, 100))]);
	}
	await store.close();
	return settled;
}

test("read --block waits for what another process appends", async () => {
	const dir = fresh();
	await done(stream(dir, "create", "s"));
	const waiting = ["0", "600000"].map((ms) => objects(stream(dir, "read", "s", "--block", ms)));
	await done(stream(dir, "append", "s", "hello", "you"));
	for (const records of await Promise.all(waiting)) {
		assert.deepEqual(
			records.map(({ payload }) => payload),
			["hello", "you"],
		);
	}
});

test("read --block gives at once what is there, and ends empty when its time is over", async () => {
	const dir = fresh();
	await done(stream(dir, "append", "s", "x"));
	assert.equal((await objects(stream(dir, "read", "s", "--block", "0"))).length, 1);
	assert.deepEqual(await objects(stream(dir, "read", "s", "--block", "20", "--start", "$")), []);
});

test("read --block --start $ gives only what comes after", async () => {
	const dir = fresh();
	await done(stream(dir, "append", "s", "old"));
	const records = await ticking(dir, objects(stream(dir, "read", "s", "--block", "0", "--start", "$")));
	assert.ok(records.length > 0);
	for (const { payload } of records) assert.equal(payload, "tick");
});

test("read --follow prints records as another process appends them, and Ctrl-C ends it with 0", async () => {
	for (const json of [true, false]) {
		const dir = fresh();
		await done(stream(dir, "append", "s", "before"));
		const seen: string[] = [];
		let appending: Promise<unknown> = Promise.resolve();
		const args = stream(dir, "read", "s", "--follow", ...(json ? ["--json"] : []));
		const { code, signal, stderr } = await cli(args, {
			onLine: (line, child) => {
				seen.push(json ? String(parseLines(line)[0]?.payload) : (line.split("  ")[1] ?? ""));
				if (seen.length === 1) appending = done(stream(dir, "append", "s", "after", "more"));
				if (seen.length === 3) child.kill("SIGINT");
			},
		});
		await appending;
		assert.deepEqual(seen, ["before", "after", "more"]);
		assert.deepEqual([code, signal, stderr], [0, null, ""]);
	}
});

test("read --follow --start $ gives each record once, and --limit ends it", async () => {
	const dir = fresh();
	await done(stream(dir, "append", "s", "old"));
	const args = stream(dir, "read", "s", "--follow", "--start", "$", "--limit", "3");
	const records = await ticking(dir, objects(args));
	assert.deepEqual(
		records.map(({ payload }) => payload),
		["tick", "tick", "tick"],
	);
	const all = await objects(stream(dir, "read", "s", "--limit", "1000"));
	const from = all.findIndex(({ id }) => id === records[0]?.id);
	assert.deepEqual(
		all.slice(from, from + 3).map(({ id }) => id),
		records.map(({ id }) => id),
	);
});

test("read --follow of one partition, and to an end", async () => {
	const dir = fresh();
	await done(stream(dir, "create", "s", "--partitions", "4"));
	const [alice] = await objects(stream(dir, "append", "s", "1", "-k", "alice"));
	await done(stream(dir, "append", "s", "2", "-k", "bob"));
	const [last] = await objects(stream(dir, "append", "s", "3", "-k", "alice"));
	const range = ["--end", String(last?.last_id), "--after", String(alice?.first_id)];
	const records = await objects(stream(dir, "read", "s", "-f", "-k", "alice", ...range));
	assert.deepEqual(
		records.map(({ payload }) => payload),
		["3"],
	);
});

test("the command line works beside a program that has the directory open", async () => {
	const dir = fresh();
	const store = await openDirectory(dir);
	await store.streams.append("s", "mine");
	const seen: string[] = [];
	const following = (async () => {
		for await (const entry of store.streams.follow("s")) {
			seen.push(entry.text());
			if (entry.text() === "last") return;
		}
	})();
	await Promise.all(["a", "b", "c"].map((payload) => done(stream(dir, "append", "s", payload))));
	await done(stream(dir, "trim", "s", "--maxlen", "2"));
	await done(stream(dir, "append", "s", "last"));
	await following;
	assert.equal(seen[0], "mine");
	assert.deepEqual(seen.slice(1, 4).sort(), ["a", "b", "c"]);
	assert.deepEqual(seen.slice(4), ["last"]);
	assert.equal((await store.streams.info("s")).count, 3);
	await store.close();
	assert.match(await done(["verify", "--dir", dir]), /^ok: /);
});
