import assert from "node:assert/strict";
import { getEventListeners, once } from "node:events";
import { test } from "node:test";
import { type HostKv, type Lease, memoryHost, type SegmentStatus, StreamkitError } from "../src/entry/node.js";
import { manualClock } from "../src/testing.js";
import { gated, numbered, refuses, rejection, storeIn, until } from "./support/store.js";
import { withResolvers } from "./support/with-resolvers.js";

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A host that counts its reads. */
function reads(host: HostKv): HostKv & { gets: number } {
	return {
		name: "counted",
		limits: host.limits,
		gets: 0,
		get(keys) {
			this.gets++;
			return host.get(keys);
		},
		scan: (range) => host.scan(range),
		commit: (batch) => host.commit(batch),
	};
}

test("a trim is a change of the segments whose first entries went", async (t) => {
	const host = memoryHost();
	const store = await storeIn(t, { pollInterval: 10 }, host);
	const other = await storeIn(t, {}, host);
	await store.streams.create("s", { partitions: 2 });
	await store.streams.append("s", ["1", "2", "3", "4"], { partition: 0 });
	await store.streams.append("s", ["5"], { partition: 1 });
	const told: string[] = [];
	const tell = (status: SegmentStatus): void =>
		void told.push(`${status.segment}: ${status.firstSequence} to ${status.lastSequence}`);
	await store.subscribeToSpace("s", tell);
	const first: number[] = [];
	await store.subscribeToSegment("s", "0", (status) => void first.push(status.firstSequence));
	await until(() => told.length === 2 && first.length === 1);
	await other.streams.trim("s", { maxCount: 2 });
	await until(() => told.length === 3 && first.length === 2);
	await store.streams.trim("s", { maxCount: 1 });
	await until(() => told.length === 4 && first.length === 3);
	assert.deepEqual(told, ["0: 1 to 4", "1: 1 to 1", "0: 4 to 4", "0: 5 to 4"]);
	assert.deepEqual(first, [1, 4, 5]);
});

test("a subscription tells what is there, then what changes", async (t) => {
	const store = await storeIn(t);
	await store.produce("s", "a", numbered(2));
	await store.produce("s", "b", numbered(1));
	await store.produce("t", "a", numbered(1));
	const seen: string[] = [];
	const subscription = await store.subscribeToSpace(
		"s",
		({ space, segment, lastSequence }) => void seen.push(`${space}/${segment}=${lastSequence}`),
	);
	await until(() => seen.length === 2);
	assert.deepEqual([...seen].sort(), ["s/a=2", "s/b=1"]);
	await store.publish("s", "c", "x");
	await until(() => seen.includes("s/c=1"));
	await store.publish("t", "a", "x");
	await store.publish("s", "a", "x");
	await until(() => seen.includes("s/a=3"));
	assert.equal(seen.length, 4);
	assert.equal(subscription.status, "active");
	subscription.unsubscribe();
	assert.equal(subscription.status, "closed");
	await subscription.closed;
	await store.publish("s", "a", "x");
	await pause(10);
	assert.equal(seen.length, 4);
});

test("a subscription to one segment leaves the others out", async (t) => {
	const store = await storeIn(t);
	await store.publish("s", "other", "x");
	const seen: number[] = [];
	await store.subscribeToSegment("s", "g", ({ segment, lastSequence }) => {
		assert.equal(segment, "g");
		seen.push(lastSequence);
	});
	await store.publish("s", "other", "x");
	await store.publish("s", "g", "x");
	await until(() => seen.length === 1);
	assert.deepEqual(seen, [1]);
});

test("calls of a handler never overlap, and a slow one gets the latest", async (t) => {
	const store = await storeIn(t);
	let running = 0;
	const seen: number[] = [];
	await store.subscribeToSegment("s", "g", async ({ lastSequence }) => {
		assert.equal(++running, 1);
		seen.push(lastSequence);
		await pause(15);
		running--;
	});
	for (let i = 0; i < 50; i++) {
		await store.publish("s", "g", String(i));
		if (i % 10 === 9) await pause(2);
	}
	await until(() => seen[seen.length - 1] === 50);
	assert.ok(seen.length < 20, `${seen.length} calls`);
	assert.deepEqual(
		seen,
		[...seen].sort((a, b) => a - b),
	);
});

test("a handler that throws is reported, and the subscription goes on", async (t) => {
	const store = await storeIn(t);
	const errors: unknown[] = [];
	const seen: number[] = [];
	const subscription = await store.subscribeToSegment(
		"s",
		"g",
		({ lastSequence }) => {
			seen.push(lastSequence);
			if (lastSequence === 1) throw new Error("first");
		},
		{ onError: (error) => errors.push(error) },
	);
	await store.publish("s", "g", "x");
	await until(() => seen.length === 1);
	await store.publish("s", "g", "x");
	await until(() => seen.length === 2);
	assert.deepEqual(
		errors.map((error) => (error as Error).message),
		["first"],
	);
	assert.equal(subscription.status, "active");
});

test("a heartbeat repeats the last status", async (t) => {
	const store = await storeIn(t);
	await store.publish("s", "g", "x");
	const seen: SegmentStatus[] = [];
	await store.subscribeToSegment("s", "g", (status) => void seen.push(status), { heartbeat: 10 });
	await until(() => seen.length >= 3);
	assert.equal(seen[0]?.heartbeat, undefined);
	assert.equal(seen[1]?.heartbeat, true);
	assert.equal(seen[1]?.lastSequence, 1);
});

test("a heartbeat comes though the subscription looks more often, and others write", async (t) => {
	const host = memoryHost();
	const store = await storeIn(t, { pollInterval: 5 }, host);
	const other = await storeIn(t, {}, host);
	await store.publish("s", "g", "x");
	let beats = 0;
	await store.subscribeToSegment("s", "g", ({ heartbeat }) => void (heartbeat === true && beats++), { heartbeat: 60 });
	const start = performance.now();
	for (let i = 0; beats < 3; i++) {
		assert.ok(performance.now() - start < 30_000, `${beats} heartbeats`);
		await other.publish(i % 2 === 0 ? "t" : "s", "other", "x");
		await pause(2);
	}
});

test("what changes while other segments are told is told", async (t) => {
	const host = memoryHost();
	const store = await storeIn(t, {}, host);
	const other = await storeIn(t, {}, host);
	const COUNT = 40;
	for (let i = 0; i < COUNT; i++) await store.publish("s", `g${i}`, "x");
	const told = new Map<string, number>();
	let changed = 0;
	await store.subscribeToSpace("s", ({ segment, lastSequence }) => {
		told.set(segment, lastSequence);
		// The event loop gets a turn before the next one, in which that one changes.
		const end = performance.now() + 12;
		while (performance.now() < end);
		const next = `g${told.size}`;
		if (lastSequence > 1 || told.size === COUNT || told.has(next)) return;
		setImmediate(() => void other.publish("s", next, "x").then(() => changed++));
	});
	await until(() => told.size === COUNT && changed > 0);
	await until(() => [...told.values()].filter((last) => last === 2).length === changed, 5000);
});

test("subscriptions end with the signal, the block or the store", async (t) => {
	const store = await storeIn(t);
	const controller = new AbortController();
	const bySignal = await store.subscribeToSpace("s", () => {}, { signal: controller.signal });
	controller.abort();
	await bySignal.closed;
	assert.equal(bySignal.status, "closed");
	const byBlock = await store.subscribeToSpace("s", () => {});
	byBlock[Symbol.dispose]();
	await byBlock.closed;
	assert.equal(await rejection(store.subscribeToSpace("s", () => {}, { signal: AbortSignal.abort("no") })), "no");
	const byStore = await store.subscribeToSpace("s", () => {});
	await store.close();
	await byStore.closed;
	assert.equal(byStore.status, "closed");
});

test("a reader that follows keeps the process alive, also where nobody else may write", async (t) => {
	const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
	for (const shared of [true, false]) {
		const store = await storeIn(t, {}, memoryHost({ limits: { shared } }));
		const idle = timers();
		const reader = store.consumeSpace({ space: "s", follow: true })[Symbol.asyncIterator]();
		const next = reader.next();
		await until(() => timers() > idle);
		await reader.return?.();
		assert.equal((await next).done, true);
		await until(() => timers() === idle);
	}
});

test("who waits where nobody else may write is told of a write that may be stored", { timeout: 20_000 }, async (t) => {
	const inner = memoryHost({ limits: { shared: false } });
	let isDown = false;
	let isLost = false;
	const through = <T>(answer: T): T => {
		if (isDown) throw new Error("down");
		return answer;
	};
	const host: HostKv = {
		name: "losing",
		limits: inner.limits,
		get: (keys) => through(inner.get(keys)),
		scan: (range) => through(inner.scan(range)),
		commit(batch) {
			const answer = through(inner.commit(batch));
			// It is stored, and what asks whether it is gets no answer either.
			if (isLost) isDown = true;
			return through(answer);
		},
	};
	const store = await storeIn(t, { pollInterval: 5 }, host);
	const told: number[] = [];
	await store.subscribeToSegment("s", "g", ({ lastSequence }) => void told.push(lastSequence));
	const reader = store.consumeSpace({ space: "s", follow: true })[Symbol.asyncIterator]();
	await store.publish("s", "g", "1");
	await reader.next();
	const next = reader.next();
	await until(() => told.length === 1);
	isLost = true;
	const error = await refuses("UNAVAILABLE", store.publish("s", "g", "2"));
	assert.equal(error.details["applied"], "unknown");
	// The reader looks, and meets the same trouble.
	await refuses("UNAVAILABLE", next);
	[isLost, isDown] = [false, false];
	await until(() => told.at(-1) === 2, 5000);
});

test("who waits for one space is not woken by writes to another", async (t) => {
	const host = memoryHost();
	let gets = 0;
	let scans = 0;
	const counted: HostKv = {
		name: "counted",
		limits: host.limits,
		get: (keys) => {
			gets++;
			return host.get(keys);
		},
		scan: (range) => {
			scans++;
			return host.scan(range);
		},
		commit: (batch) => host.commit(batch),
	};
	const store = await storeIn(t, { pollInterval: 600_000, autoCompact: false }, counted);
	const stop = new AbortController();
	const { signal } = stop;
	const told: string[] = [];
	await store.streams.group("blocked 1", "g").create();
	const waits = Array.from({ length: 20 }, async (_, i) => {
		const blocked = await store.streams.read(`blocked ${i}`, { start: "$", block: 0 });
		told.push(`blocked ${i}: ${blocked.map((entry) => entry.text())}`);
		for await (const entry of store.consumeSpace({ space: `followed ${i}`, follow: true, signal }))
			told.push(`followed ${i}: ${entry.text()}`);
	});
	const grouped = store.streams.group("blocked 1", "g").read("c", { block: 0 });
	await store.subscribeToSpace("followed 3", ({ segment }) => void told.push(`subscribed: ${segment}`), { signal });
	const publishing = async (space: string): Promise<[number, number]> => {
		await pause(20);
		[gets, scans] = [0, 0];
		for (let i = 0; i < 10; i++) await store.publish(space, "segment", "x");
		await pause(20);
		return [gets, scans];
	};
	await publishing("other");
	assert.deepEqual(await publishing("other"), [0, 0]);
	for (let i = 0; i < 20; i++) await store.streams.append(`blocked ${i}`, "a");
	assert.equal((await grouped).length, 1);
	await until(() => told.length === 20);
	await publishing("other");
	assert.deepEqual(await publishing("other"), [0, 0]);
	await store.publish("followed 3", "segment", "b");
	await until(() => told.length === 22);
	assert.deepEqual(told.slice(20).sort(), ["followed 3: b", "subscribed: segment"]);
	stop.abort();
	await Promise.allSettled(waits);
});

test("a read that follows many spaces asks for those that were written to", async (t) => {
	const host = reads(memoryHost());
	const store = await storeIn(t, { pollInterval: 600_000, autoCompact: false }, host);
	const stop = new AbortController();
	const COUNT = 100;
	const offsets = Object.fromEntries(Array.from({ length: COUNT }, (_, i) => [`space ${i}`, ""]));
	const seen: string[] = [];
	const following = (async () => {
		for await (const { space, sequence } of store.consume({ offsets, follow: true, signal: stop.signal }))
			seen.push(`${space}: ${sequence}`);
	})();
	await store.publish("space 7", "segment", "x");
	await until(() => seen.length === 1);
	await pause(20);
	host.gets = 0;
	for (let i = 0; i < 10; i++) {
		await store.publish("other", "segment", "x");
		await store.publish("space 7", "segment", "x");
		await store.publish("space 8", "segment", "x");
		await until(() => seen.length === 3 + 2 * i);
	}
	assert.ok(host.gets < COUNT, String(host.gets));
	assert.deepEqual(
		seen.slice(1).sort(),
		Array.from({ length: 10 }, (_, i) => [`space 7: ${i + 2}`, `space 8: ${i + 1}`])
			.flat()
			.sort(),
	);
	stop.abort(new Error("enough"));
	assert.match(String(await rejection(following)), /enough/);
	const again = (async () => {
		for await (const _ of store.consume({ offsets: { a: "", b: "" }, follow: true })) assert.fail("nothing is there");
	})();
	await pause(5);
	await Promise.all([refuses("CLOSED", again), store.close()]);
});

test("a signal that many calls heed has one listener, and ends all of them", async (t) => {
	const warnings: Error[] = [];
	const warned = (warning: Error): void => void warnings.push(warning);
	process.on("warning", warned);
	t.after(() => process.off("warning", warned));
	const store = await storeIn(t);
	const stop = new AbortController();
	const { signal } = stop;
	const reason = new Error("enough");
	await Promise.all(Array.from({ length: 50 }, () => store.publish("s", "a", "x", { signal })));
	assert.equal(getEventListeners(signal, "abort").length, 0);
	const ended: unknown[] = [];
	const follows = Array.from({ length: 50 }, async () => {
		try {
			for await (const _ of store.consumeSegment({ space: "s", segment: "b", follow: true, signal }));
		} catch (error) {
			ended.push(error);
		}
	});
	const subscription = await store.subscribeToSpace("s", () => {}, { signal });
	const held = store.withLease("key", 60_000, (lease) => once(lease.signal, "abort"), { signal });
	await until(() => getEventListeners(signal, "abort").length === 1);
	await pause(20);
	assert.equal(getEventListeners(signal, "abort").length, 1);
	stop.abort(reason);
	await assert.rejects(held, reason);
	await subscription.closed;
	await Promise.all(follows);
	assert.deepEqual(
		ended,
		Array.from({ length: 50 }, () => reason),
	);
	await pause(10);
	assert.equal(getEventListeners(signal, "abort").length, 0);
	assert.deepEqual(
		warnings.filter(({ name }) => name.startsWith("MaxListeners")),
		[],
	);
});

test("a subscription that waits for its host to come back ends with the store", { timeout: 60_000 }, async (t) => {
	const inner = memoryHost();
	let down = false;
	const up = <T>(answer: () => T): T => {
		if (down) throw new Error("down");
		return answer();
	};
	const store = await storeIn(
		t,
		{ pollInterval: 600_000 },
		{
			name: "flaky",
			limits: inner.limits,
			get: (keys) => up(() => inner.get(keys)),
			scan: (range) => up(() => inner.scan(range)),
			commit: (batch) => inner.commit(batch),
		},
	);
	await store.publish("s", "g", "1");
	// No timer fires any more: nothing but the end of the store can be what ends it.
	t.mock.timers.enable({ apis: ["setTimeout"] });
	let ended: Promise<void> | undefined;
	const told = new Promise<void>((resolve) => {
		void store
			.subscribeToSpace("s", () => {}, { onError: () => resolve() })
			.then((subscription) => {
				ended = subscription.closed;
				down = true;
				return store.publish("s", "g", "2");
			});
	});
	await told;
	await store.close();
	await ended;
});

test("a subscription whose host is over fails, and stays failed", { timeout: 60_000 }, async (t) => {
	const inner = memoryHost();
	let isOver = false;
	const through = <T>(answer: T): T => {
		if (isOver) throw new StreamkitError("UNAVAILABLE", "the database was deleted", { retryable: false });
		return answer;
	};
	const host: HostKv = {
		name: "deleted",
		limits: inner.limits,
		get: (keys) => through(inner.get(keys)),
		scan: (range) => through(inner.scan(range)),
		commit: (batch) => through(inner.commit(batch)),
	};
	const store = await storeIn(t, { pollInterval: 5 }, host);
	const reported: unknown[] = [];
	const subscription = await store.subscribeToSpace("s", () => {}, { onError: (error) => reported.push(error) });
	isOver = true;
	const error = await refuses("UNAVAILABLE", subscription.closed, /was deleted/);
	assert.equal(subscription.status, "failed");
	subscription.unsubscribe();
	assert.equal(subscription.status, "failed");
	assert.equal(await rejection(subscription.closed), error);
	// That is for what does not end it.
	assert.deepEqual(reported, []);
});

test("what changes while a heartbeat is told is told after it", async (t) => {
	const store = await storeIn(t, { pollInterval: 600_000 });
	await store.publish("s", "g", "1");
	const others: number[] = [];
	await store.subscribeToSegment("s", "g", ({ lastSequence }) => void others.push(lastSequence));
	const seen: string[] = [];
	const tell = async ({ lastSequence, heartbeat }: SegmentStatus): Promise<void> => {
		seen.push(`${lastSequence}${heartbeat === true ? " again" : ""}`);
		if (seen.length !== 2) return;
		await store.publish("s", "g", "2");
		await until(() => others.includes(2));
		await pause(5);
	};
	await store.subscribeToSegment("s", "g", tell, { heartbeat: 5 });
	await until(() => seen.includes("2 again"), 10_000);
	assert.deepEqual([...new Set(seen)], ["1", "1 again", "2", "2 again"]);
});

test("a subscription that ended leaves no timer for its heartbeat", async (t) => {
	const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
	const store = await storeIn(t, { autoCompact: false }, memoryHost({ limits: { shared: false } }));
	await store.publish("s", "g", "x");
	const idle = timers();
	let told = 0;
	const subscription = await store.subscribeToSegment("s", "g", () => void told++, { heartbeat: 600_000 });
	await until(() => told === 1 && timers() > idle);
	subscription.unsubscribe();
	await until(() => timers() === idle);
});

test("what onError throws, at once or later, ends with it", async (t) => {
	const store = await storeIn(t);
	const unhandled: unknown[] = [];
	const note = (reason: unknown): void => void unhandled.push(reason);
	process.on("unhandledRejection", note);
	t.after(() => process.off("unhandledRejection", note));
	let told = 0;
	const onError = (error: unknown): Promise<void> => {
		told++;
		if (told === 1) throw error;
		return Promise.reject(error);
	};
	const subscription = await store.subscribeToSegment("s", "g", () => Promise.reject("no"), { onError });
	await store.publish("s", "g", "1");
	await until(() => told === 1);
	await store.publish("s", "g", "2");
	await until(() => told === 2);
	await pause(5);
	assert.equal(subscription.status, "active");
	assert.deepEqual(unhandled, []);
});

test("a signal that fires while a subscription starts refuses it", async (t) => {
	const store = await storeIn(t);
	await store.publish("s", "g", "x");
	const controller = new AbortController();
	const told: number[] = [];
	const starting = store.subscribeToSpace("s", ({ lastSequence }) => void told.push(lastSequence), {
		signal: controller.signal,
	});
	controller.abort("enough");
	assert.equal(await rejection(starting), "enough");
	await store.publish("s", "g", "x");
	await pause(10);
	assert.deepEqual(told, []);
});

test("a lease is held while its function runs", async (t) => {
	const host = memoryHost();
	const [a, b] = [await storeIn(t, {}, host), await storeIn(t, {}, host)];
	const result = await a.withLease("k", 1000, async (lease) => {
		assert.equal(lease.key, "k");
		assert.ok(lease.fencingToken >= 1);
		assert.ok(!lease.signal.aborted);
		const error = await refuses(
			"LEASE_NOT_ACQUIRED",
			b.withLease("k", 1000, () => 1),
		);
		assert.equal(error.details["holder"], lease.holder);
		assert.equal(typeof error.details["expires"], "number");
		await a.publish("s", "g", "x", { lease });
		return "done";
	});
	assert.equal(result, "done");
	let token = 0;
	await b.withLease("k", 1000, (lease) => {
		token = lease.fencingToken;
	});
	await b.withLease("k", 1000, (lease) => assert.ok(lease.fencingToken > token), { holder: "me" });
});

test("a lease is waited for", async (t) => {
	const host = memoryHost();
	const [a, b] = [await storeIn(t, {}, host), await storeIn(t, {}, host)];
	const order: string[] = [];
	await Promise.all([
		a.withLease("k", 5000, async () => {
			order.push("a");
			await pause(30);
			order.push("a ends");
		}),
		pause(5).then(() => b.withLease("k", 5000, () => void order.push("b"), { wait: 5000 })),
	]);
	assert.deepEqual(order, ["a", "a ends", "b"]);
	await a.withLease("k", 5000, async () => {
		const start = performance.now();
		await refuses(
			"LEASE_NOT_ACQUIRED",
			b.withLease("k", 5000, () => 1, { wait: 40 }),
		);
		assert.ok(performance.now() - start >= 30);
		assert.equal(
			(await rejection(b.withLease("k", 5000, () => 1, { wait: 5000, signal: AbortSignal.timeout(20) }))) instanceof
				DOMException,
			true,
		);
	});
});

test("however many wait for a lease, it is asked for once by each hand-over and by nothing else", async (t) => {
	const host = reads(memoryHost());
	const store = await storeIn(t, { pollInterval: 600_000, autoCompact: false }, host);
	const holding = withResolvers<void>();
	const held = store.withLease("k", 600_000, () => holding.promise);
	await store.publish("other", "segment", "x");
	const COUNT = 100;
	const order: number[] = [];
	const all = Array.from({ length: COUNT }, (_, i) =>
		store.withLease("k", 600_000, () => void order.push(i), { wait: 600_000 }),
	);
	await pause(20);
	host.gets = 0;
	for (let i = 0; i < 10; i++) await store.publish("other", "segment", "x");
	await store.withLease("another", 600_000, () => {});
	await pause(20);
	// The first in line asks now and then.
	assert.ok(host.gets < COUNT / 2, String(host.gets));
	host.gets = 0;
	holding.resolve();
	await Promise.all([held, ...all]);
	assert.deepEqual(
		order,
		Array.from({ length: COUNT }, (_, i) => i),
	);
	// One to acquire it, one to release it, and one of the next in line, which finds it held.
	assert.ok(host.gets < 4 * COUNT, String(host.gets));
});

test("who waits for a lease may give up while others are before it", async (t) => {
	const host = memoryHost();
	const store = await storeIn(t, {}, host);
	const holding = withResolvers<void>();
	const held = store.withLease("k", 600_000, () => holding.promise, { holder: "first" });
	const waits = (options: { wait: number; signal?: AbortSignal }): Promise<string> =>
		store.withLease("k", 600_000, ({ holder }) => holder, { holder: "next", ...options });
	await pause(5);
	const stop = new AbortController();
	const before = waits({ wait: Number.POSITIVE_INFINITY, signal: stop.signal });
	await pause(5);
	const late = await refuses("LEASE_NOT_ACQUIRED", waits({ wait: 30 }));
	assert.equal(late.details["holder"], "first");
	const aborted = waits({ wait: 600_000, signal: AbortSignal.timeout(20) });
	assert.ok((await rejection(aborted)) instanceof DOMException);
	const behind = waits({ wait: 600_000 });
	await pause(5);
	stop.abort(new Error("enough"));
	assert.match(String(await rejection(before)), /enough/);
	assert.equal(getEventListeners(stop.signal, "abort").length, 0);
	holding.resolve();
	assert.equal(await behind, "next");
	await held;
	const again = withResolvers<void>();
	const last = store.withLease("k", 600_000, () => again.promise);
	await pause(5);
	const closed = [1, 2, 3].map(() => refuses("CLOSED", waits({ wait: 600_000 })));
	await pause(5);
	await Promise.all([store.close(), refuses("CLOSED", last), ...closed]);
});

test("a lease that was not given back is asked for when it may be had, and hardly before", async (t) => {
	const inner = memoryHost();
	const host = reads(inner);
	const [a, b] = [await storeIn(t, {}, inner), await storeIn(t, { autoCompact: false }, host)];
	const running = a.withLease("k", 300, () => new Promise(() => {}));
	await pause(5);
	await Promise.all([refuses("CLOSED", running), a.close()]);
	host.gets = 0;
	await b.withLease("k", 1000, () => {}, { wait: 10_000 });
	assert.ok(host.gets < 10, String(host.gets));
});

test("a lease runs from when it was asked for, however late the host answers", async (t) => {
	const inner = memoryHost();
	let isSlow = true;
	let isSilent = false;
	const through = async <T>(answer: T | Promise<T>): Promise<T> => (isSilent ? new Promise<T>(() => {}) : answer);
	const host: HostKv = {
		name: "slow",
		limits: inner.limits,
		get: (keys) => through(inner.get(keys)),
		scan: (range) => through(inner.scan(range)),
		async commit(batch) {
			const answer = await through(inner.commit(batch));
			if (isSlow) await pause(800);
			return answer;
		},
	};
	isSlow = false;
	const [a, b] = [await storeIn(t, { hostTimeout: 5000 }, host), await storeIn(t, {}, inner)];
	isSlow = true;
	let held: AbortSignal | undefined;
	const running = a.withLease("k", 1000, ({ signal }) => {
		// From here on nothing can be renewed.
		isSilent = true;
		held = signal;
		return new Promise(() => {});
	});
	await until(() => held !== undefined);
	const lost = refuses("LEASE_LOST", running);
	await b.withLease("k", 1000, () => assert.equal(held?.aborted, true), { wait: 10_000 });
	await lost;
});

test("a lease is renewed while its function runs", async (t) => {
	const host = memoryHost();
	const [a, b] = [await storeIn(t, {}, host), await storeIn(t, {}, host)];
	await a.withLease("k", 60, async (lease) => {
		await pause(200);
		assert.ok(!lease.signal.aborted);
		await refuses(
			"LEASE_NOT_ACQUIRED",
			b.withLease("k", 60, () => 1),
		);
	});
});

test("a lost lease fires its signal, refuses writes and rejects", async (t) => {
	const host = memoryHost();
	const clock = manualClock();
	const [a, b] = [await storeIn(t, { clock }, host), await storeIn(t, { clock }, host)];
	let lost: Lease | undefined;
	const error = await refuses(
		"LEASE_LOST",
		a.withLease("k", 90, async (lease) => {
			lost = lease;
			clock.advance(60_000);
			await b.withLease("k", 60_000, () => pause(60));
			await pause(200);
		}),
	);
	assert.equal(error.code, "LEASE_LOST");
	assert.ok(lost?.signal.aborted);
	await refuses("LEASE_LOST", a.publish("s", "g", "x", { lease: lost }));
	assert.equal(await a.getSegmentStatus("s", "g"), undefined);
});

test("what the function throws is passed on, and the lease is free again", async (t) => {
	const store = await storeIn(t);
	const boom = new Error("boom");
	assert.equal(
		await rejection(
			store.withLease("k", 60_000, () => {
				throw boom;
			}),
		),
		boom,
	);
	assert.equal(
		await rejection(
			store.withLease("k", 60_000, async () => {
				throw boom;
			}),
		),
		boom,
	);
	assert.equal(await store.withLease("k", 60_000, () => 5), 5);
	const controller = new AbortController();
	const reason = { why: "enough" };
	const running = store.withLease(
		"k",
		60_000,
		(lease) => new Promise((_, reject) => lease.signal.addEventListener("abort", () => reject(lease.signal.reason))),
		{ signal: controller.signal },
	);
	setTimeout(() => controller.abort(reason), 5);
	assert.equal(await rejection(running), reason);
	await store.withLease("k", 60_000, () => 1, { wait: 1000 });
});

test("who gives up while a lease is being granted has given it back when that is said", async (t) => {
	const inner = memoryHost();
	let stored = 0;
	const host = gated({
		name: "counted",
		limits: inner.limits,
		get: (keys) => inner.get(keys),
		scan: (range) => inner.scan(range),
		commit(batch) {
			stored++;
			return inner.commit(batch);
		},
	});
	const [store, other] = [await storeIn(t, {}, host), await storeIn(t, {}, inner)];
	host.shut();
	stored = 0;
	const stop = new AbortController();
	const given = store.withLease("k", 600_000, () => assert.fail("it runs"), { signal: stop.signal });
	let isSaid = false;
	const reason = rejection(given).finally(() => {
		isSaid = true;
	});
	await until(() => host.waiting === 1);
	stop.abort("enough");
	host.open();
	host.shut();
	await until(() => stored === 1 && host.waiting === 1);
	assert.equal(isSaid, false);
	host.open();
	assert.equal(await reason, "enough");
	await other.withLease("k", 1000, () => {});
});

test("what a lease is for does not begin in a store that was closed while it was granted", async (t) => {
	const host = gated(memoryHost());
	const store = await storeIn(t, {}, host);
	host.shut();
	const refused = refuses(
		"CLOSED",
		store.withLease("k", 1000, () => assert.fail("it runs")),
	);
	await until(() => host.waiting === 1);
	const closing = store.close();
	host.open();
	await Promise.all([refused, closing]);
});

test("closing the store ends what runs under a lease, whenever it would have been renewed", async (t) => {
	const store = await storeIn(t);
	let signal: AbortSignal | undefined;
	const running = store.withLease("k", 600_000, (lease) => {
		signal = lease.signal;
		return new Promise(() => {});
	});
	while (signal === undefined) await pause(1);
	await store.close();
	const error = await refuses("CLOSED", running);
	assert.equal(signal.reason, error);
});
