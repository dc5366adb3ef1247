import assert from "node:assert/strict";
import { test } from "node:test";
import { type HostKv, memoryHost, openStore } from "../src/entry/node.js";
import { manualClock } from "../src/testing.js";
import { storeIn, until } from "./support/store.js";

/** A host that counts the ranges it is asked for. */
function counting(inner: HostKv): HostKv & { scans: number } {
	const host = {
		name: "counting",
		limits: inner.limits,
		scans: 0,
		get: (keys: Parameters<HostKv["get"]>[0]) => inner.get(keys),
		scan: (range: Parameters<HostKv["scan"]>[0]) => {
			host.scans++;
			return inner.scan(range);
		},
		commit: (batch: Parameters<HostKv["commit"]>[0]) => inner.commit(batch),
	};
	return host;
}

test("the sweep applies every stream's retention, and goes on after a failure", async (t) => {
	const clock = manualClock(1_000_000);
	const inner = memoryHost();
	let fails = 0;
	const host: HostKv = {
		name: "failing",
		limits: inner.limits,
		get: (keys) => inner.get(keys),
		scan: (range) => {
			if (fails > 0) {
				fails--;
				throw new Error("not now");
			}
			return inner.scan(range);
		},
		commit: (batch) => inner.commit(batch),
	};
	const store = await storeIn(t, { clock, retentionInterval: 5 }, host);
	for (const name of ["a", "b", "c"]) {
		await store.streams.create(name, { retention: { maxAge: 1000 } });
		await store.streams.append(name, ["x", "y"]);
	}
	await store.streams.append("kept", "x");
	clock.advance(1001);
	fails = 3;
	let left = 6;
	await until(() => {
		void Promise.all(["a", "b", "c"].map((name) => store.streams.info(name).catch(() => ({ count: 2 })))).then(
			(infos) => {
				left = infos.reduce((sum, { count }) => sum + count, 0);
			},
		);
		return left === 0;
	});
	assert.equal((await store.streams.info("kept")).count, 1);
});

test("no sweep where none is wanted, before streams are used, and after the end", async (t) => {
	const host = counting(memoryHost());
	const still = await storeIn(t, { retentionInterval: 0 }, host);
	assert.equal(typeof still.streams.create, "function");
	const unused = await openStore(host, { retentionInterval: 1 });
	const closed = await openStore(host, { retentionInterval: 1 });
	assert.equal(typeof closed.streams.create, "function");
	await closed.close();
	await unused.publish("space", "segment", "x");
	const before = host.scans;
	// Long enough for some hundred turns of a sweep that should not be there.
	await new Promise((resolve) => setTimeout(resolve, 200));
	assert.equal(host.scans, before);
	await unused.close();
});

test("waiting costs no calls of a host that nobody else writes to", async (t) => {
	const host = counting(memoryHost({ limits: { shared: false } }));
	const store = await storeIn(t, { retentionInterval: 0 }, host);
	await store.streams.append("s", "x");
	const waiting = store.streams.read("s", { block: 0, start: "$" });
	await store.streams.read("other");
	const before = host.scans;
	await new Promise((resolve) => setTimeout(resolve, 100));
	assert.equal(host.scans, before);
	await store.streams.append("s", "y");
	assert.equal((await waiting)[0]?.text(), "y");
});
