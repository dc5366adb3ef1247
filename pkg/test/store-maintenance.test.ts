import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import {
	type Entry,
	type ErrorCode,
	type Health,
	type HostKv,
	type HostLimits,
	memoryHost,
	openNamespaces,
	type Progress,
	type Store,
	StreamkitError,
} from "../src/entry/node.js";
import { manualClock } from "../src/testing.js";
import { collect, numbered, refuses, rejection, storeIn } from "./support/store.js";
import { withResolvers } from "./support/with-resolvers.js";

async function filled(store: Store): Promise<void> {
	for (let i = 0; i < 40; i++)
		await store.publish("orders", `o-${i % 4}`, `payload ${i}`, { metadata: { i: String(i) } });
	await store.produce("log", "main", numbered(500));
}

const snapshot = async (store: Store, space: string): Promise<string[]> =>
	(await store.consumeSpace({ space }).toArray()).map((entry: Entry) =>
		JSON.stringify({ ...(entry.toJSON() as object), tier: "" }),
	);

test("what is exported imports as the same entries", async (t) => {
	const from = await storeIn(t);
	await filled(from);
	const progress: Progress[] = [];
	const chunks = await collect(from.export({ onProgress: (p) => progress.push(p) }));
	assert.ok(chunks.length > 0 && progress.length > 0);
	const to = await storeIn(t);
	const report = await to.import(chunks, { onProgress: (p) => progress.push(p) });
	assert.deepEqual(report, { spaces: 2, segments: 5, entries: 540 });
	for (const space of ["orders", "log"]) assert.deepEqual(await snapshot(to, space), await snapshot(from, space));
	assert.equal((await to.publish("orders", "o-0", "next")).lastSequence, 11);
	await refuses("CONFLICT", to.import(chunks));
	const some = await storeIn(t);
	assert.equal((await some.import(from.export({ spaces: ["log", "log"] }))).spaces, 1);
	await refuses("NOT_FOUND", some.import(chunks, { spaces: ["none"] }), /"none"/);
	await refuses("INVALID_ARGUMENT", some.import(chunks, { spaces: "log" as never }), /^spaces: /);
	await refuses("INVALID_ARGUMENT", some.import(chunks, { spaces: ["a\0"] }), /^spaces\[0\]: /);
	// biome-ignore lint/suspicious/noSparseArray: a hole is no name.
	await refuses("INVALID_ARGUMENT", some.import(chunks, { spaces: ["log", , "log"] as string[] }), /^spaces\[1\]: /);
	assert.deepEqual(await collect(some.getSpaces()), ["log"]);
});

test("a damaged or cut export is refused", async (t) => {
	const from = await storeIn(t);
	await filled(from);
	const whole = Buffer.concat(await collect(from.export()));
	const to = await storeIn(t);
	assert.ok(await rejection(to.import([])));
	assert.ok(await rejection(to.import([whole.subarray(0, whole.length - 5)])));
	const bent = Buffer.from(whole);
	bent[Math.floor(bent.length / 2)] = (bent[Math.floor(bent.length / 2)] as number) ^ 1;
	assert.ok(await rejection((await storeIn(t)).import([bent])));
	await refuses("INVALID_ARGUMENT", to.import(["text"] as never), /^source: /);
	await refuses("INVALID_ARGUMENT", to.import(new Uint8Array(3) as never), /^source: /);
	// Any cutting of the stream into chunks will do.
	const pieces = Array.from({ length: Math.ceil(whole.length / 7) }, (_, i) => whole.subarray(7 * i, 7 * i + 7));
	assert.equal((await (await storeIn(t)).import(pieces)).entries, 540);
});

test("exports and imports heed their signal and close their source", async (t) => {
	const store = await storeIn(t);
	await filled(store);
	assert.equal(await rejection(collect(store.export({ signal: AbortSignal.abort("no") }))), "no");
	let closed = false;
	async function* endless(): AsyncGenerator<Uint8Array> {
		try {
			yield* store.export();
			await new Promise(() => {});
		} finally {
			closed = true;
		}
	}
	const controller = new AbortController();
	setTimeout(() => controller.abort("stop"), 20);
	assert.equal(await rejection((await storeIn(t)).import(endless(), { signal: controller.signal })), "stop");
	await refuses(
		"INVALID_ARGUMENT",
		(await storeIn(t)).import(
			(function* () {
				try {
					yield 5 as never;
				} finally {
					closed = true;
				}
			})(),
		),
	);
	assert.ok(closed);
});

test("an import of one large array tells how far it is, and can be ended in the middle", async (t) => {
	const store = await storeIn(t);
	const payload = new Uint8Array(64 << 10);
	for (let i = 0; i < 80; i++) await store.publish("s", "g", payload.fill(i));
	const whole = Buffer.concat(await collect(store.export()));
	const done: number[] = [];
	const to = await storeIn(t);
	await to.import([whole], { onProgress: (p) => done.push(p.done) });
	assert.ok(new Set(done).size > 3, done.join());
	assert.deepEqual(await snapshot(to, "s"), await snapshot(store, "s"));
	const controller = new AbortController();
	const ended = await storeIn(t);
	const importing = ended.import([whole], {
		signal: controller.signal,
		onProgress: () => controller.abort("enough"),
	});
	assert.equal(await rejection(importing), "enough");
	assert.deepEqual(await collect(ended.getSpaces()), []);
	await ended.publish("s", "g", "free");
});

test("compacting keeps every entry and makes fewer blocks", async (t) => {
	const store = await storeIn(t, { autoCompact: false });
	await filled(store);
	const before = [await snapshot(store, "orders"), await snapshot(store, "log")];
	const progress: Progress[] = [];
	const report = await store.compact({ onProgress: (p) => progress.push(p) });
	assert.ok(report.blocksAfter < report.blocksBefore, JSON.stringify(report));
	assert.ok(progress.length > 0);
	assert.deepEqual([await snapshot(store, "orders"), await snapshot(store, "log")], before);
	assert.equal(await rejection(store.compact({ signal: AbortSignal.abort("no") })), "no");
});

test("an import that is given up leaves its space as if it had never begun", async (t) => {
	const from = await storeIn(t);
	const payload = "x".repeat(1000);
	await from.produce("log", "main", Array(2000).fill({ payload }));
	const chunks = await collect(from.export());
	assert.ok(chunks.length > 2);
	const stop = new AbortController();
	const halfOf = function* (last: () => unknown): Generator<Uint8Array> {
		yield* chunks.slice(0, -1);
		yield last() as Uint8Array;
	};
	const cases: readonly (readonly [why: string, give: (store: Store) => Promise<unknown>])[] = [
		[
			"the signal",
			(store) =>
				store.import(
					halfOf(() => stop.abort("stop")),
					{ signal: stop.signal },
				),
		],
		[
			"the source",
			(store) =>
				store.import(
					halfOf(() => {
						throw new Error("broken source");
					}),
				),
		],
		["no bytes", (store) => store.import(halfOf(() => "text"))],
		[
			"onProgress",
			(store) =>
				store.import(chunks, {
					onProgress({ done }) {
						if (done > 0) throw new Error("seen enough");
					},
				}),
		],
	];
	for (const [why, give] of cases) {
		const store = await storeIn(t);
		assert.notEqual(await rejection(give(store)), undefined, why);
		assert.deepEqual(await collect(store.getSpaces()), [], why);
		assert.equal((await store.publish("log", "main", "mine")).lastSequence, 1, why);
		assert.deepEqual(await store.verify(), { entries: 1, segments: 1, spaces: 1, problems: [] }, why);
	}
});

test("an import for which there is no room leaves none of its space", async (t) => {
	const from = await storeIn(t);
	const payload = "x".repeat(1000);
	await from.produce("log", "main", Array(20_000).fill({ payload }));
	const inner = memoryHost();
	let room = 6 << 20;
	const host: HostKv = {
		name: "full",
		limits: inner.limits,
		get: (keys) => inner.get(keys),
		scan: (range) => inner.scan(range),
		commit(batch) {
			const bytes = batch.puts.reduce((sum, { value }) => sum + value.length, 0);
			// Small rows still fit, as they do where rows were removed.
			if (bytes > 4096 && bytes > room)
				throw new StreamkitError("QUOTA_EXCEEDED", "full", { details: { applied: false } });
			room -= bytes;
			return inner.commit(batch);
		},
	};
	const store = await storeIn(t, {}, host);
	await refuses("QUOTA_EXCEEDED", store.import(from.export()));
	assert.deepEqual(await collect(store.getSpaces()), []);
	assert.equal((await store.publish("log", "main", "mine")).lastSequence, 1);
	assert.deepEqual(await store.verify(), { entries: 1, segments: 1, spaces: 1, problems: [] });
});

test("verifying counts and finds nothing wrong", async (t) => {
	const store = await storeIn(t);
	await filled(store);
	assert.deepEqual(await store.verify(), { entries: 540, segments: 5, spaces: 2, problems: [] });
	assert.equal(await rejection(store.verify({ signal: AbortSignal.abort("no") })), "no");
});

test("health says what the store runs on", async (t) => {
	const host = memoryHost();
	const store = await storeIn(t, { durability: "relaxed" }, host);
	const health = await store.health();
	assert.equal(health.host, "memory");
	assert.equal(health.durability, "relaxed");
	assert.deepEqual(health.limits, host.limits);
	assert.equal(health.pendingTransactions, 0);
	assert.deepEqual(health.warnings, []);
});

test("health says that there are no groups exactly where groups are refused", async (t) => {
	const cases: readonly (readonly [limits: Partial<HostLimits>, groups: boolean])[] = [
		[{}, true],
		[{ atomic: "space" }, true],
		[{ maxBatchOps: 32 }, true],
		[{ maxBatchOps: 31 }, false],
		[{ atomic: "none" }, false],
		[{ checks: false }, false],
		[{ consistent: false }, false],
		[{ atomic: "none", checks: false, consistent: false }, false],
	];
	for (const [limits, groups] of cases) {
		const store = await storeIn(t, {}, memoryHost({ limits }));
		const { warnings } = await store.health();
		assert.equal(!warnings.some((sentence) => sentence.includes("consumer groups")), groups, JSON.stringify(limits));
		const create = store.streams.group("s", "g").create();
		if (groups) await create;
		else await refuses("UNSUPPORTED", create, /^group: /);
	}
});

test("a host whose health fails, never comes or is none makes a typed error", { timeout: 60_000 }, async (t) => {
	const inner = memoryHost();
	let health: () => unknown = () => ({ warnings: ["mind the gap"] });
	const host: HostKv = {
		name: "ailing",
		limits: inner.limits,
		get: (keys) => inner.get(keys),
		scan: (range) => inner.scan(range),
		commit: (batch) => inner.commit(batch),
		health: () => health() as Partial<Health>,
	};
	const store = await storeIn(t, { hostTimeout: 50 }, host);
	assert.deepEqual((await store.health()).warnings, ["mind the gap"]);
	const { warnings: _, ...plain } = await store.health();
	health = () => ({ usage: "x", quota: Number.NaN, persisted: 5, evicted: "q", warnings: [1, "mind", {}], other: 1 });
	assert.deepEqual(await store.health(), { ...plain, warnings: ["mind"] });
	for (const rubbish of ["abc", 5, null, undefined, [1]]) {
		health = () => rubbish;
		assert.deepEqual(await store.health(), { ...plain, warnings: [] });
	}
	health = () => ({ usage: 1, quota: 2, persisted: false, evicted: true, host: "another", limits: null });
	const own = { usage: 1, quota: 2, persisted: false, evicted: true };
	assert.deepEqual(await store.health(), { ...plain, ...own, warnings: [] });
	health = () => {
		throw new Error("no");
	};
	await refuses("UNAVAILABLE", store.health(), /^host "ailing": health failed: no/);
	health = () => ({ warnings: 5 });
	await refuses("UNAVAILABLE", store.health(), /warnings must be an array/);
	health = () => new Promise(() => {});
	await refuses("UNAVAILABLE", store.health(), /took longer than 50 ms/);
	const patient = await storeIn(t, { hostTimeout: 0 }, host);
	const asked = refuses("CLOSED", patient.health());
	await patient.close();
	await asked;
});

test("a namespace is there with the first thing stored in it, and not for what is refused", async () => {
	const hosts = new Map<string, ReturnType<typeof memoryHost>>();
	const namespaces = await openNamespaces((name) => {
		const host = hosts.get(name) ?? memoryHost();
		hosts.set(name, host);
		return host;
	});
	const lists = async (name: string): Promise<boolean> => (await namespaces.list()).includes(name);
	const refused: [ErrorCode, (store: Store) => Promise<unknown>][] = [
		["INVALID_ARGUMENT", (store) => store.publish("", "g", "x")],
		["SEQUENCE_MISMATCH", (store) => store.publish("s", "g", "x", { expectedSequence: 5 })],
		["INVALID_ARGUMENT", (store) => store.produce("s", "g", [])],
		["INVALID_ARGUMENT", (store) => store.transact([])],
		["INVALID_ARGUMENT", (store) => store.import([new Uint8Array(5)])],
		["CORRUPT", (store) => store.import([])],
		["INVALID_ARGUMENT", (store) => store.streams.append("e", "x", { partition: 9 })],
		["NOT_FOUND", (store) => store.streams.group("e", "g").ack("c", ["1-0"])],
		["INVALID_ARGUMENT", (store) => store.withLease("", 1000, () => {})],
	];
	for (const [index, [code, write]] of refused.entries()) {
		const name = `refused${index}`;
		await refuses(code, write(await namespaces.open(name)));
		assert.ok(!(await lists(name)), name);
	}
	const stored: ((store: Store) => Promise<unknown>)[] = [
		(store) => store.publish("s", "g", "x"),
		(store) => collect(store.produceStream("s", "g", [{ payload: "x" }])),
		(store) => store.transact([{ space: "s", segment: "g", records: [{ payload: "x" }] }]),
		(store) => store.streams.create("e"),
		(store) => store.streams.append("e", "x"),
		(store) => store.streams.group("e", "g").create(),
		(store) => store.withLease("key", 1000, () => {}),
	];
	for (const [index, write] of stored.entries()) {
		const name = `stored${index}`;
		await write(await namespaces.open(name));
		assert.ok(await lists(name), name);
	}
	await namespaces.close();
});

test("a store that is being opened while its namespaces are closed, or its own is deleted, is closed with them", async () => {
	const closedHosts = new Set<string>();
	const late: string[] = [];
	const hostFor = (name: string): HostKv => {
		const inner = memoryHost();
		return {
			name,
			limits: inner.limits,
			get: async (keys) => inner.get(keys),
			scan: async (range) => inner.scan(range),
			async commit(batch) {
				if (closedHosts.has(name)) late.push(name);
				return inner.commit(batch);
			},
			close: () => void closedHosts.add(name),
		};
	};
	for (let ticks = 0; ticks < 40; ticks++) {
		const namespaces = await openNamespaces(hostFor);
		const opening = namespaces.open("one").catch(() => undefined);
		for (let i = 0; i < ticks; i++) await undefined;
		await namespaces.close();
		const store = await opening;
		if (store !== undefined) await refuses("CLOSED", store.peek("s", "g"));
		assert.deepEqual(late, [], `after ${ticks} ticks`);
		closedHosts.clear();
	}
	for (let ticks = 0; ticks < 40; ticks++) {
		const namespaces = await openNamespaces(hostFor);
		await (await namespaces.open("one")).publish("s", "g", "x");
		const opening = namespaces.open("one");
		for (let i = 0; i < ticks; i++) await undefined;
		await namespaces.delete("one", { force: true });
		const written = await (await opening).publish("s", "g", "y").catch(() => undefined);
		// Either it was opened before, and is closed, or it is a new one.
		const names = await namespaces.list();
		assert.deepEqual(names, written === undefined ? ["default"] : ["default", "one"], `after ${ticks} ticks`);
		assert.equal(
			(await namespaces.open("one")).id === (await opening).id,
			written !== undefined,
			`after ${ticks} ticks`,
		);
		await namespaces.close();
		closedHosts.clear();
	}
});

test("two namespaces have no host in common", async () => {
	const host = memoryHost();
	const namespaces = await openNamespaces((name) => (name === "own" ? memoryHost() : host));
	await (await namespaces.open()).publish("s", "g", "x");
	await (await namespaces.open("own")).publish("s", "g", "x");
	for (const call of [namespaces.open("aa"), namespaces.create("bb")])
		await refuses("INVALID_ARGUMENT", call, /another host for each name/);
	assert.deepEqual(await namespaces.list(), ["default", "own"]);
	await namespaces.close();
});

test("what was removed with a namespace is as lasting as that it is gone", async () => {
	for (const durability of ["strict", "relaxed"] as const) {
		const commits: [string, string][] = [];
		const namespaces = await openNamespaces(
			(name) => {
				const inner = memoryHost();
				return {
					name,
					limits: inner.limits,
					get: (keys) => inner.get(keys),
					scan: (range) => inner.scan(range),
					commit(batch) {
						commits.push([name, batch.durability]);
						return inner.commit(batch);
					},
				};
			},
			{ durability },
		);
		await (await namespaces.open("one")).publish("s", "g", "x");
		commits.length = 0;
		await namespaces.delete("one", { force: true });
		assert.ok(commits.some(([name]) => name === "one"));
		assert.deepEqual([...new Set(commits.map(([, kind]) => kind))], [durability]);
		await namespaces.close();
	}
});

test("a namespace that is opened while it is deleted leaves alone what is stored under its name afterwards", async () => {
	const removals: (() => void)[] = [];
	const namespaces = await openNamespaces((name) => {
		const inner = memoryHost();
		return {
			name,
			limits: inner.limits,
			get: async (keys) => inner.get(keys),
			scan: async (range) => inner.scan(range),
			async commit(batch) {
				const removes = name === "one" && batch.deletes.length > 1 && batch.puts.length === 0;
				if (removes) await new Promise<void>((resolve) => removals.push(resolve));
				return inner.commit(batch);
			},
		};
	});
	await (await namespaces.open("one")).publish("s", "g", "x");
	const deleting = namespaces.delete("one", { force: true });
	while (removals.length === 0) await turn();
	const opening = namespaces.open("one");
	// Whatever it does meanwhile is over: the host answers at once.
	for (let i = 0; i < 20; i++) await turn();
	removals[0]?.();
	await deleting;
	await (await namespaces.open("one")).publish("s", "g", "y");
	for (const go of removals) go();
	await opening;
	assert.equal((await (await namespaces.open("one")).peek("s", "g"))?.text(), "y");
	assert.deepEqual(await namespaces.list(), ["default", "one"]);
	await namespaces.close();
});

test("who is held up while deleting a namespace removes nothing of what others store under its name afterwards", async () => {
	// The first commit is what makes it deleted: one that is held up before that deletes what is there then.
	for (const held of [1, 2, 3, 4, 5, 6]) {
		const hosts = new Map<string, ReturnType<typeof memoryHost>>();
		const shared = (name: string): ReturnType<typeof memoryHost> => {
			const host = hosts.get(name) ?? memoryHost();
			hosts.set(name, host);
			return host;
		};
		let left = Number.POSITIVE_INFINITY;
		const { promise: isHeld, resolve: reached } = withResolvers();
		const { promise: gate, resolve: goOn } = withResolvers();
		const slow = await openNamespaces((name) => {
			const inner = shared(name);
			return {
				name,
				limits: { ...inner.limits, maxBatchOps: 40 },
				get: (keys) => inner.get(keys),
				scan: (range) => inner.scan(range),
				async commit(batch) {
					if (left-- === 0) {
						reached();
						await gate;
					}
					return inner.commit(batch);
				},
			};
		});
		const other = await openNamespaces(shared);
		for (const segment of "abcdefghijklmnopqrstuvwxyz") await (await slow.open("one")).publish("s", segment, "old");
		left = held;
		const deleting = slow.delete("one", { force: true });
		// Where it has fewer commits than that, it is through.
		await Promise.race([isHeld, deleting]);
		left = Number.POSITIVE_INFINITY;
		if ((await other.list()).includes("one")) await other.delete("one", { force: true });
		for (const segment of "abcdef") await (await other.open("one")).publish("s", segment, "new");
		goOn();
		await deleting.catch((error: unknown) => assert.equal((error as StreamkitError).code, "CONFLICT"));
		assert.deepEqual(await other.list(), ["default", "one"], `held at ${held}`);
		for (const namespaces of [slow, other]) {
			const store = await namespaces.open("one");
			const entries = await store.consumeSpace({ space: "s" }).toArray();
			assert.equal(
				entries.map((entry) => `${entry.segment} ${entry.text()}`).join(),
				"a new,b new,c new,d new,e new,f new",
			);
			assert.equal((await store.verify()).problems.length, 0);
			await namespaces.close();
		}
	}
});

test("namespaces are stores by name", async () => {
	const hosts = new Map<string, ReturnType<typeof memoryHost>>();
	const hostFor = (name: string): ReturnType<typeof memoryHost> => {
		const host = hosts.get(name) ?? memoryHost();
		hosts.set(name, host);
		return host;
	};
	const namespaces = await openNamespaces(hostFor);
	assert.deepEqual(await namespaces.list(), ["default"]);
	await namespaces.create("one");
	await refuses("ALREADY_EXISTS", namespaces.create("one"));
	await refuses("ALREADY_EXISTS", namespaces.create("default"));
	const two = await namespaces.open("two");
	assert.deepEqual(await namespaces.list(), ["default", "one"]);
	await two.publish("s", "g", "2");
	assert.deepEqual(await namespaces.list(), ["default", "one", "two"]);
	const main = await namespaces.open();
	await main.publish("s", "g", "main");
	assert.deepEqual(await collect(main.getSpaces()), ["s"]);
	assert.equal((await two.peek("s", "g")).text(), "2");
	await refuses("NOT_EMPTY", namespaces.delete("two"), /: only force deletes it$/);
	await refuses("INVALID_ARGUMENT", namespaces.delete("default"), /^name: /);
	await refuses("NOT_FOUND", namespaces.delete("three"));
	const one = await namespaces.open("one");
	await one.streams.create("s", { partitions: 4 });
	await refuses("NOT_EMPTY", namespaces.delete("one"));
	await one.streams.delete("s");
	await namespaces.delete("one");
	await namespaces.delete("two", { force: true });
	await refuses("CLOSED", two.peek("s", "g"));
	assert.deepEqual(await namespaces.list(), ["default"]);
	const fresh = await namespaces.open("two");
	assert.equal((await fresh.publish("s", "g", "again")).lastSequence, 1);
	assert.notEqual(fresh.id, two.id);
	for (const name of ["", "1a", "a b", "a-", "x".repeat(64), "\u00e9", undefined as never, 5 as never]) {
		if (name !== undefined) await refuses("INVALID_ARGUMENT", namespaces.open(name), /^name: /);
		await refuses("INVALID_ARGUMENT", namespaces.create(name), /^name: /);
	}
	await namespaces.close();
	await refuses("CLOSED", main.peek("s", "g"));
	await refuses("CLOSED", namespaces.list());
	const again = await openNamespaces(hostFor);
	assert.deepEqual(await again.list(), ["default", "two"]);
	await again[Symbol.asyncDispose]();
});

test("namespaces are listed in order, however many there are", async () => {
	const namespaces = await openNamespaces(() => memoryHost());
	const names = Array.from({ length: 1001 }, (_, i) => `n${String(i).padStart(4, "0")}`);
	await Promise.all([...names, "alpha", "Zeta"].reverse().map((name) => namespaces.create(name)));
	assert.deepEqual(await namespaces.list(), ["Zeta", "alpha", "default", ...names]);
	await namespaces.close();
});

test("deleting a namespace removes every row of its host, however many there are", async () => {
	const hosts = new Map<string, HostKv>();
	const namespaces = await openNamespaces((name) => {
		const host = memoryHost();
		hosts.set(name, host);
		return host;
	});
	const store = await namespaces.open("aa");
	const writes = Array.from({ length: 1001 }, (_, i) => ({
		space: `s${i}`,
		segment: "g",
		records: [{ payload: "x" }],
	}));
	await store.transact(writes);
	const rows = async (): Promise<number> => {
		const range = { start: new Uint8Array(0), end: new Uint8Array([0xff]), limit: 10_000, keysOnly: true };
		return (await (hosts.get("aa") as HostKv).scan(range)).keys.length;
	};
	assert.ok((await rows()) > 1001);
	await namespaces.delete("aa", { force: true });
	assert.equal(await rows(), 0);
	await namespaces.close();
});

test("the host of a namespace is asked for again where it could not be given", async () => {
	let isGiven = false;
	const namespaces = await openNamespaces((name) => {
		if (name !== "default" && !isGiven) throw new Error("not now");
		return memoryHost();
	});
	await assert.rejects(namespaces.open("aa"), /not now/);
	isGiven = true;
	await (await namespaces.open("aa")).publish("s", "g", "x");
	await namespaces.close();
});

test("closing namespaces closes every host, and says what one of them did not like", async () => {
	const closed: string[] = [];
	const namespaces = await openNamespaces((name) =>
		Object.assign(memoryHost(), {
			close() {
				closed.push(name);
				if (name === "aa") throw new Error("stuck");
			},
		}),
	);
	await namespaces.open("aa");
	await namespaces.open("bb");
	await assert.rejects(namespaces.close(), /stuck/);
	assert.deepEqual(closed.sort(), ["aa", "bb", "default"]);
	await assert.rejects(namespaces.close(), /stuck/);
	assert.equal(closed.length, 3);
});

test("a namespace that another one deleted is there again with the next thing stored in it", async () => {
	const hosts = new Map<string, HostKv>();
	const hostFor = (name: string): HostKv => {
		const host = hosts.get(name) ?? memoryHost();
		hosts.set(name, host);
		return host;
	};
	const [one, other] = [await openNamespaces(hostFor), await openNamespaces(hostFor)];
	const store = await one.open("n");
	await store.publish("s", "g", "x");
	await store.close();
	await other.delete("n", { force: true });
	assert.deepEqual(await one.list(), ["default"]);
	await (await one.open("n")).publish("s", "g", "y");
	for (const namespaces of [one, other]) assert.deepEqual(await namespaces.list(), ["default", "n"]);
	await one.close();
	await other.close();
});

test("an import whose source is silent for long keeps its space", { timeout: 120_000 }, async (t) => {
	const from = await storeIn(t);
	await filled(from);
	const whole = Buffer.concat(await collect(from.export({ spaces: ["log"] })));
	const clock = manualClock(1_700_000_000_000);
	const host = memoryHost();
	const to = await storeIn(t, { clock, hostTimeout: 0 }, host);
	const other = await storeIn(t, { clock, hostTimeout: 0 }, host);
	t.mock.timers.enable({ apis: ["setTimeout"] });
	const { promise: silence, resolve: speak } = withResolvers();
	const { promise: isAsked, resolve: asked } = withResolvers();
	const importing = to.import(
		(async function* () {
			yield whole.subarray(0, whole.length / 2);
			asked();
			await silence;
			yield whole.subarray(whole.length / 2);
		})(),
	);
	importing.catch(() => {});
	await isAsked;
	for (let passed = 0; passed < 60_000; passed += 10_000) {
		await turn();
		clock.advance(10_000);
		t.mock.timers.tick(10_000);
		await turn();
		await refuses("CONFLICT", other.publish("log", "main", "x"));
	}
	speak();
	assert.equal((await importing).entries, 500);
	assert.equal((await other.publish("log", "main", "x")).lastSequence, 501);
	t.mock.timers.reset();
});
