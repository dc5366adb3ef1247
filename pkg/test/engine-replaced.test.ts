import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { checkOpenOptions } from "../src/common/validate.js";
import { type EngineModule, engineModule, registerEngine } from "../src/engine/loader.js";
import { EngineSlot } from "../src/engine/slot.js";
import { createGlue } from "../src/generated/glue.js";
import { createGlue as createLightGlue } from "../src/generated/light/glue.js";
import { type HostKv, memoryHost, openStore, type Store } from "../src/index.js";
import * as calls from "../src/store/full-calls.js";
import { refuses } from "./support/store.js";
import { withResolvers } from "./support/with-resolvers.js";

// What happens while the light engine makes way for the full one. Nothing here polls: a change that nobody is told of
// is waited for until the test's time is over.

const PATIENCE = { timeout: 120_000 };
const OPTIONS = { pollInterval: 600_000, autoCompact: false, retentionInterval: 0 };

async function engine(file: string, glue: unknown): Promise<EngineModule> {
	const module = await WebAssembly.compile(await readFile(new URL(`../src/generated/${file}`, import.meta.url)));
	return { module, createGlue: glue as EngineModule["createGlue"] };
}

/** Forgets what was loaded; the full engine is given when what `until` gives resolves. */
function start(until: () => Promise<unknown>): void {
	registerEngine({
		light: () => engine("light/streamkit.wasm", createLightGlue),
		full: async () => {
			await until();
			return { ...(await engine("streamkit.wasm", createGlue)), calls };
		},
	});
}

/** Has both engines loaded, so that the replacement begins at once. */
async function startLoaded(): Promise<void> {
	start(async () => {});
	await Promise.all([engineModule("light"), engineModule("full")]);
}

interface Gate {
	readonly open: () => void;
	/** Resolves when somebody stands before it. */
	readonly reached: Promise<void>;
}

interface Gated {
	readonly host: HostKv;
	/** Holds the next call of this kind back until the gate is opened. */
	readonly hold: (call: "get" | "scan" | "commit") => Gate;
	readonly watchers: Set<() => void>;
	/** How often a watcher was stopped that was stopped already. */
	stoppedTwice: number;
}

/** A host in memory that answers with promises, and holds calls back. */
function gated(inner: HostKv = memoryHost()): Gated {
	const gates = new Map<string, { reach: () => void; opened: Promise<void> }>();
	async function through(call: string): Promise<void> {
		const gate = gates.get(call);
		gates.delete(call);
		gate?.reach();
		await gate?.opened;
	}
	const self: Gated = {
		watchers: new Set(),
		stoppedTwice: 0,
		hold(call) {
			const { promise: opened, resolve: open } = withResolvers();
			const { promise: reached, resolve: reach } = withResolvers();
			gates.set(call, { reach, opened });
			return { open, reached };
		},
		host: {
			name: "gated",
			limits: inner.limits,
			async get(keys) {
				await through("get");
				return inner.get(keys);
			},
			async scan(range) {
				await through("scan");
				return inner.scan(range);
			},
			async commit(batch) {
				await through("commit");
				return inner.commit(batch);
			},
			watch(changed) {
				const watcher = (): void => changed();
				self.watchers.add(watcher);
				return () => {
					if (!self.watchers.delete(watcher)) self.stoppedTwice++;
				};
			},
		},
	};
	return self;
}

async function texts(store: Store, space = "s"): Promise<string[]> {
	return (await store.consumeSpace({ space }).toArray()).map((entry) => entry.text());
}

test("calls made at any moment of the replacement are answered", PATIENCE, async () => {
	await startLoaded();
	const calls: Record<string, (store: Store, signal: AbortSignal) => Promise<unknown>> = {
		publish: (store) => store.publish("s", "a", "x"),
		"publish with a signal": (store, signal) => store.publish("s", "a", "x", { signal }),
		"produce with a signal": (store, signal) => store.produce("s", "a", [{ payload: "x" }], { signal }),
		transact: (store) => store.transact([{ space: "s", segment: "a", records: [{ payload: "x" }] }]),
		status: (store, signal) => store.getSegmentStatus("s", "a", { signal }),
		lease: (store) => store.withLease("k", 600_000, (lease) => store.publish("s", "a", "x", { lease })),
		subscribe: async (store) => (await store.subscribeToSpace("s", () => {})).unsubscribe(),
		read: (store) => store.consumeSegment({ space: "s", segment: "a" }).toArray(),
		merge: (store) => store.consume({ offsets: { s: "", t: "" } }).toArray(),
		stream: (store) => store.streams.append("u", "x"),
		verify: (store) => store.verify(),
	};
	for (const [name, call] of Object.entries(calls)) {
		for (let ticks = 0; ticks < 12; ticks++) {
			const store = await openStore(gated().host, OPTIONS);
			await store.publish("s", "a", "1");
			const verified = store.verify();
			for (let tick = 0; tick < ticks; tick++) await undefined;
			await assert.doesNotReject(call(store, new AbortController().signal), `${name} after ${ticks}`);
			assert.deepEqual((await verified).problems, []);
			await store.close();
		}
	}
});

test("a merged read that is reading goes on, and follows", PATIENCE, async () => {
	await startLoaded();
	const one = gated();
	const store = await openStore(one.host, OPTIONS);
	const entries = store.consume({ offsets: { s: "", t: "" }, follow: true })[Symbol.asyncIterator]();
	// The read finds nothing, and would wait next.
	const gate = one.hold("get");
	const first = entries.next();
	await gate.reached;
	const verified = store.verify();
	await turn();
	gate.open();
	await verified;
	await store.publish("t", "a", "1");
	assert.equal((await first).value?.text(), "1");
	await store.publish("s", "a", "2");
	assert.equal((await entries.next()).value?.text(), "2");
	await entries.return?.();
	await store.close();
});

test("what was committed between a read and the wait after it is not missed", PATIENCE, async () => {
	await startLoaded();
	// The new instance counts its changes anew, and may stand where the old one stood.
	for (let others = 0; others < 8; others++) {
		const host = memoryHost();
		const first = await openStore(host, OPTIONS);
		await first.publish("s", "a", "1");
		await first.close();
		const store = await openStore(host, OPTIONS);
		const single = store.consumeSpace({ space: "s", follow: true })[Symbol.asyncIterator]();
		assert.equal((await single.next()).value?.text(), "1");
		await store.publish("s", "a", "2");
		await store.verify();
		for (let i = 0; i < others; i++) await store.publish("other", "a", "x");
		assert.equal((await single.next()).value?.text(), "2");
		await single.return?.();
		await store.close();
	}
});

test("the epochs of two instances never meet", async (t) => {
	await startLoaded();
	const slot = new EngineSlot(memoryHost(), checkOpenOptions(OPTIONS));
	t.after(() => slot.close());
	await slot.ready();
	const before = slot.epoch();
	await slot.full();
	const after = slot.epoch();
	assert.ok(after > before);
	await slot.wait("", before, -1, undefined, slot.nextTag());
	const tag = slot.nextTag();
	const waiting = slot.wait("", after, -1, undefined, tag);
	slot.now((one) => one.hint());
	await waiting;
});

test("a trap while writes drain rejects them, and the store goes on with the full engine", PATIENCE, async (t) => {
	await startLoaded();
	const one = gated();
	const { setTimeout: original } = globalThis;
	t.after(() => {
		globalThis.setTimeout = original;
	});
	const store = await openStore(one.host, OPTIONS);
	const gate = one.hold("commit");
	const first = store.publish("s", "a", "1");
	await gate.reached;
	const second = store.publish("s", "a", "2");
	const verified = store.verify();
	await turn();
	first.catch(() => {});
	const lost = refuses("UNAVAILABLE", second, /the engine stopped/);
	// An engine that cannot start a timer is at its end.
	globalThis.setTimeout = (() => {
		globalThis.setTimeout = original;
		throw new Error("no timers");
	}) as never;
	gate.open();
	await lost;
	assert.deepEqual((await verified).problems, []);
	await store.publish("s", "a", "3");
	assert.equal((await texts(store)).at(-1), "3");
	assert.equal(one.watchers.size, 1);
	assert.equal(one.stoppedTwice, 0);
	await store.close();
	assert.equal(one.watchers.size, 0);
});

test("closing while writes drain stores them, and ends what waits for the full engine", PATIENCE, async () => {
	await startLoaded();
	const one = gated();
	const store = await openStore(one.host, OPTIONS);
	const gate = one.hold("commit");
	const write = store.publish("s", "a", "1");
	await gate.reached;
	const verified = refuses("CLOSED", store.verify());
	const late = turn().then(() => refuses("CLOSED", store.getSegmentStatus("s", "a")));
	await turn();
	const closed = store.close();
	gate.open();
	assert.equal((await write).lastSequence, 1);
	await Promise.all([closed, verified, late]);
	const again = await openStore(one.host, OPTIONS);
	assert.deepEqual(await texts(again), ["1"]);
	await again.close();
	assert.equal(one.watchers.size, 0);
});

test("an engine that does not come holds nothing up but the calls that need it", PATIENCE, async () => {
	start(() => new Promise(() => {}));
	const store = await openStore(memoryHost(), OPTIONS);
	const controller = new AbortController();
	const aborted = store.verify({ signal: controller.signal });
	const read = store.streams.read("s", { signal: controller.signal });
	const waiting = refuses("CLOSED", store.verify());
	await store.publish("s", "a", "1");
	const reason = new Error("enough");
	controller.abort(reason);
	await assert.rejects(aborted, (error) => error === reason);
	await assert.rejects(read, (error) => error === reason);
	assert.deepEqual(await texts(store), ["1"]);
	await store.close();
	await waiting;
});

test("an engine that cannot be loaded is UNAVAILABLE, with the reason", async () => {
	const reason = new TypeError("Failed to fetch");
	start(() => Promise.reject(reason));
	const store = await openStore(memoryHost(), OPTIONS);
	const error = await refuses("UNAVAILABLE", store.verify(), /the engine could not be loaded: .*Failed to fetch/);
	assert.equal(error.cause, reason);
	assert.equal(error.details["applied"], false);
	await store.close();
});

test("a host that fails while the full engine opens is asked again by the next call", PATIENCE, async () => {
	await startLoaded();
	const inner = memoryHost();
	let fails = false;
	const host: HostKv = {
		name: "failing",
		limits: inner.limits,
		get(keys) {
			if (fails) throw new Error("not now");
			return inner.get(keys);
		},
		scan: (range) => inner.scan(range),
		commit: (batch) => inner.commit(batch),
	};
	const store = await openStore(host, OPTIONS);
	await store.publish("s", "a", "1");
	fails = true;
	await refuses("UNAVAILABLE", store.verify());
	fails = false;
	await store.publish("s", "a", "2");
	assert.deepEqual(await texts(store), ["1", "2"]);
	assert.equal((await store.verify()).entries, 2);
	await store.close();
});

test("writes that wait for the full engine are stored in the order of their calls", PATIENCE, async () => {
	await startLoaded();
	const one = gated();
	const store = await openStore(one.host, OPTIONS);
	await store.publish("s", "a", "0");
	const gate = one.hold("commit");
	const draining = store.publish("s", "a", "1");
	await gate.reached;
	const verified = store.verify();
	await turn();
	const options = (): { signal: AbortSignal } => ({ signal: new AbortController().signal });
	const calls: ((payload: string) => Promise<unknown>)[] = [
		(payload) => store.produce("s", "a", [{ payload }], options()),
		(payload) => store.publish("s", "a", payload, options()),
		(payload) => store.transact([{ space: "s", segment: "a", records: [{ payload }] }], options()),
		(payload) => store.produce("s", "a", [{ payload }]),
		(payload) => store.transact([{ space: "s", segment: "a", records: [{ payload }] }]),
		(payload) => store.publish("s", "a", payload),
	];
	const writes: Promise<unknown>[] = [];
	const write = (): void => {
		const call = calls[writes.length % calls.length] as (payload: string) => Promise<unknown>;
		writes.push(call(String(writes.length + 2)));
	};
	for (let i = 0; i < 10; i++) write();
	const controller = new AbortController();
	const aborted = store.publish("s", "a", "aborted", { signal: controller.signal });
	for (let i = 0; i < 10; i++) write();
	const reason = new Error("enough");
	controller.abort(reason);
	await assert.rejects(aborted, (error) => error === reason);
	let over = false;
	void verified.then(() => {
		over = true;
	});
	gate.open();
	// From within the very moments in which the engine comes, too.
	for (let i = 0; i < 10_000 && !over; i++) {
		if (i % 7 === 0) write();
		await undefined;
	}
	await Promise.all([draining, verified, ...writes]);
	assert.deepEqual(
		await texts(store),
		Array.from({ length: writes.length + 2 }, (_, i) => String(i)),
	);
	await store.close();
});

test("appends to a stream that wait for the full engine are stored in the order of their calls", PATIENCE, async () => {
	await startLoaded();
	const store = await openStore(memoryHost(), OPTIONS);
	const appends: Promise<unknown>[] = [];
	let answered = false;
	const append = (): void => {
		const signal = appends.length % 3 === 0 ? undefined : new AbortController().signal;
		const appended = store.streams.append("orders", String(appends.length), { signal });
		appends.push(appended);
		appended.then(
			() => {
				answered = true;
			},
			() => {},
		);
	};
	for (let i = 0; i < 10; i++) append();
	const controller = new AbortController();
	const reason = new Error("enough");
	const aborted = store.streams.append("orders", "aborted", { signal: controller.signal });
	for (let i = 0; i < 10; i++) append();
	controller.abort(reason);
	await assert.rejects(aborted, (error) => error === reason);
	// From within the very moments in which the engine comes, too.
	for (let i = 0; i < 100_000 && !answered; i++) {
		if (i % 7 === 0 && appends.length < 500) append();
		if (i % 50 === 0) await turn();
		else await undefined;
	}
	await Promise.all(appends);
	const stored = await store.streams.read("orders", { limit: 1000 });
	assert.deepEqual(
		stored.map((entry) => entry.text()),
		Array.from({ length: appends.length }, (_, i) => String(i)),
	);
	await store.close();
});

test("a write that is aborted while others drain is taken back", PATIENCE, async () => {
	await startLoaded();
	const one = gated();
	const store = await openStore(one.host, OPTIONS);
	const gate = one.hold("commit");
	const first = store.publish("s", "a", "1");
	await gate.reached;
	const controller = new AbortController();
	const second = store.publish("s", "a", "2", { signal: controller.signal });
	const verified = store.verify();
	await turn();
	const reason = new Error("enough");
	controller.abort(reason);
	gate.open();
	await assert.rejects(second, (error) => error === reason);
	await first;
	await verified;
	assert.deepEqual(await texts(store), ["1"]);
	await store.close();
});

test("a lease goes on, and its fencing token holds", PATIENCE, async () => {
	await startLoaded();
	const host = memoryHost();
	const [store, other] = await Promise.all([openStore(host, OPTIONS), openStore(host, OPTIONS)]);
	const kept = await store.withLease("k", 600_000, async (lease) => {
		await store.verify();
		await store.publish("s", "a", "1", { lease });
		await refuses(
			"LEASE_NOT_ACQUIRED",
			other.withLease("k", 600_000, () => {}),
		);
		return lease;
	});
	await refuses("LEASE_LOST", store.publish("s", "a", "2", { lease: kept }));
	const token = await other.withLease("k", 600_000, (lease) => lease.fencingToken);
	assert.ok(token > kept.fencingToken);
	await store.close();
	await other.close();
});

test("subscriptions and hints go on", PATIENCE, async () => {
	await startLoaded();
	const one = gated();
	const store = await openStore(one.host, OPTIONS);
	const other = await openStore(one.host, OPTIONS);
	const { promise: last, resolve: told } = withResolvers<number>();
	const subscription = await store.subscribeToSegment("s", "a", ({ lastSequence }) => {
		if (lastSequence === 3) told(lastSequence);
	});
	await store.publish("s", "a", "1");
	const verified = store.verify();
	await store.publish("s", "a", "2");
	await verified;
	await other.publish("s", "a", "3");
	for (const watcher of one.watchers) watcher();
	assert.equal(await last, 3);
	subscription.unsubscribe();
	await store.close();
	await other.close();
});

test("a subscription that looks what a trim left goes on without trouble", PATIENCE, async () => {
	await startLoaded();
	const inner = memoryHost();
	const other = await openStore(inner, OPTIONS);
	await other.streams.append("s", ["1", "2", "3"]);
	const one = gated(inner);
	const store = await openStore(one.host, OPTIONS);
	const told: number[] = [];
	const errors: unknown[] = [];
	const subscription = await store.subscribeToSpace("s", (status) => void told.push(status.firstSequence), {
		onError: (error) => errors.push(error),
	});
	await turn();
	const gate = one.hold("get");
	await other.streams.trim("s", { maxCount: 1 });
	for (const watcher of one.watchers) watcher();
	await gate.reached;
	const verified = store.verify();
	await turn();
	gate.open();
	await verified;
	while (told.length + errors.length < 2) await turn();
	assert.deepEqual([told, errors], [[1, 3], []]);
	subscription.unsubscribe();
	await Promise.all([store.close(), other.close()]);
});

test("a long read that has asked ahead gives every entry once", PATIENCE, async () => {
	await startLoaded();
	const one = gated();
	const store = await openStore(one.host, OPTIONS);
	const count = 50_000;
	await store.produce(
		"s",
		"a",
		Array.from({ length: count }, (_, i) => ({ payload: `${i + 1}` })),
	);
	const read: string[] = [];
	let pages = 0;
	let verified: Promise<unknown> | undefined;
	for await (const page of store.consumeSegment({ space: "s", segment: "a" }).pages()) {
		read.push(...page.map((entry) => entry.text()));
		// The third page has the next one on its way.
		if (++pages === 3) verified = store.verify();
		if (pages === 4) await verified;
	}
	assert.ok(pages > 4);
	assert.deepEqual(
		read,
		Array.from({ length: count }, (_, i) => `${i + 1}`),
	);
	await store.close();
});

test("a signal takes back a change to a stream that waits for the full engine", PATIENCE, async () => {
	const { promise: arrived, resolve: arrive } = withResolvers();
	start(() => arrived);
	const store = await openStore(memoryHost(), OPTIONS);
	const { streams } = store;
	const changes: ((signal: AbortSignal) => Promise<unknown>)[] = [
		(signal) => streams.create("s", { signal }),
		(signal) => streams.alter("s", { retention: null, signal }),
		(signal) => streams.trim("s", { maxCount: 1 }, { signal }),
		(signal) => streams.delete("s", { signal }),
	];
	const reason = new Error("enough");
	for (const change of changes) {
		const controller = new AbortController();
		const waiting = change(controller.signal);
		controller.abort(reason);
		await assert.rejects(waiting, reason);
	}
	arrive();
	await refuses("NOT_FOUND", streams.info("s"));
	await store.close();
});
