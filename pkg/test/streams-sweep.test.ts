import assert from "node:assert/strict";
import { test } from "node:test";
import { type HostKv, memoryHost, openStore, StreamkitError } from "../src/entry/node.js";
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

/** Waits until the host was not asked for a range for a tenth of a second: hundreds of turns at these intervals. */
async function quiet(host: { scans: number }): Promise<void> {
	const end = performance.now() + 20_000;
	for (let before = -1; before !== host.scans; ) {
		assert.ok(performance.now() < end, "it never comes to rest");
		before = host.scans;
		await new Promise((resolve) => setTimeout(resolve, 100));
	}
}

/** Waits until a stream is as long as that, without any call of the store that sweeps. */
async function becomes(host: HostKv, stream: string, count: number): Promise<void> {
	const beside = await openStore(host, { retentionInterval: 0 });
	try {
		const end = performance.now() + 20_000;
		while ((await beside.streams.info(stream)).count !== count) {
			assert.ok(performance.now() < end, "waited in vain for the sweep");
			await new Promise((resolve) => setTimeout(resolve, 2));
		}
	} finally {
		await beside.close();
	}
}

test("a store without retention comes to rest, however it is used", async (t) => {
	const host = counting(memoryHost());
	const store = await storeIn(t, { retentionInterval: 1 }, host);
	await store.publish("plain", "a", "x");
	await store.streams.append("s", "x");
	const group = store.streams.group("s", "g");
	for (let round = 0; round < 3; round++) {
		await store.streams.append("s", "y");
		await store.streams.list();
		await group.read("c");
		await quiet(host);
	}
});

test("a host that is over is not asked again and again", async (t) => {
	const inner = memoryHost();
	let isOver = false;
	const host = counting({
		name: "deleted",
		limits: inner.limits,
		get: (keys) => inner.get(keys),
		scan: (range) => {
			if (isOver) throw new StreamkitError("UNAVAILABLE", "the database was deleted", { retryable: false });
			return inner.scan(range);
		},
		commit: (batch) => inner.commit(batch),
	});
	const store = await storeIn(t, { retentionInterval: 1, autoCompact: false }, host);
	await store.streams.create("s", { retention: { maxAge: 1000 } });
	const before = host.scans;
	await until(() => host.scans > before);
	isOver = true;
	await quiet(host);
});

test("streams with a retention are found: at first, among those that others make, and again after a rest", async (t) => {
	const clock = manualClock(1_000_000);
	const shared = memoryHost();
	const other = await storeIn(t, { clock, retentionInterval: 0 }, shared);
	const make = async (name: string, retention: { maxAge?: number; maxCount?: number }): Promise<void> => {
		await other.streams.create(name, { retention });
		await other.streams.append(name, ["x", "y"]);
		clock.advance(1001);
	};
	await make("before", { maxAge: 1000 });
	const host = counting(shared);
	// Whoever only accesses the streams sweeps as well.
	const store = await storeIn(t, { clock, retentionInterval: 1 }, host);
	assert.equal(typeof store.streams.append, "function");
	await becomes(shared, "before", 0);
	await other.streams.alter("before", { retention: null });
	await quiet(host);

	await make("others", { maxAge: 1000 });
	await quiet(host);
	assert.equal((await other.streams.info("others")).count, 2, "a store at rest makes no calls");
	const using = setInterval(() => void store.streams.read("nothing"), 5);
	await becomes(shared, "others", 0).finally(() => clearInterval(using));
	await other.streams.delete("others");
	await quiet(host);

	// What a plain write adds is beyond the count until a sweep.
	await store.streams.create("own", { retention: { maxCount: 2 } });
	await store.produce(
		"own",
		"0",
		["1", "2", "3"].map((payload) => ({ payload })),
	);
	await becomes(shared, "own", 2);
	await store.streams.delete("own", { force: true });
	await quiet(host);
});

test("whoever only follows looks for retention as well", async (t) => {
	const clock = manualClock(1_000_000);
	const shared = memoryHost();
	const other = await storeIn(t, { clock, retentionInterval: 0 }, shared);
	const store = await storeIn(t, { clock, retentionInterval: 1 }, shared);
	const end = new AbortController();
	const following = (async () => {
		for await (const _ of store.streams.follow("busy", { signal: end.signal }));
	})().catch(() => {});
	await new Promise((resolve) => setTimeout(resolve, 50));
	await other.streams.create("s", { retention: { maxAge: 1000 } });
	await other.streams.append("s", "x");
	clock.advance(1001);
	const busy = setInterval(() => void other.streams.append("busy", "x"), 5);
	await becomes(shared, "s", 0).finally(() => clearInterval(busy));
	end.abort();
	await following;
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
