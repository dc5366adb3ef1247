import assert from "node:assert/strict";
import { test } from "node:test";
import type { Bytes } from "../src/common/bytes.js";
import { Timers } from "../src/common/timers.js";
import { type Bridge, createBridge } from "../src/engine/bridge.js";
import { isStreamkitError, StreamkitError } from "../src/errors.js";
import type { HostBatch, HostKv, ScanRange } from "../src/host.js";
import { memoryHost } from "../src/hosts/memory.js";

const timers = new Timers();

function bridgeOver(calls: Partial<Record<keyof HostKv, unknown>>, clock: () => number = () => 5): Bridge {
	return createBridge({ ...calls, name: "odd", limits: memoryHost().limits } as unknown as HostKv, clock, timers);
}

const u32 = (value: number): Buffer => {
	const bytes = Buffer.alloc(4);
	bytes.writeUInt32LE(value);
	return bytes;
};
const part = (text: string): Buffer => Buffer.concat([u32(text.length), Buffer.from(text, "latin1")]);
const getFrame = (...keys: string[]): Buffer => Buffer.concat([u32(keys.length), ...keys.map(part)]);

function scanFrame({ reverse = 0, keysOnly = 0, limit = 10, maxBytes = 0, start = "a", end = "d" } = {}): Buffer {
	return Buffer.concat([Buffer.from([reverse, keysOnly, 0, 0]), u32(limit), u32(maxBytes), part(start), part(end)]);
}

function commitFrame(): Buffer {
	return Buffer.concat([
		Buffer.from([1]),
		u32(2),
		part("c1"),
		part("v1"),
		part("c2"),
		u32(0xffffffff),
		u32(1),
		part("d1"),
		u32(1),
		part("p1"),
		part("w1"),
	]);
}

const text = (bytes: Uint8Array | undefined): string | undefined =>
	bytes === undefined ? undefined : Buffer.from(bytes).toString("latin1");
const bytes = (value: string): Bytes => new Uint8Array(Buffer.from(value, "latin1"));

test("get packs keys and values", async () => {
	let asked: readonly Bytes[] = [];
	const bridge = bridgeOver({
		get: (keys: Bytes[]) => {
			asked = keys;
			return [bytes("1"), undefined, bytes("")];
		},
	});
	const frame = new Uint8Array(getFrame("a", "bb", ""));
	const answer = bridge.get(frame);
	assert.ok(!(answer instanceof Promise), "a host that gives no promise is not awaited");
	frame.fill(0);
	assert.deepEqual(asked.map(text), ["a", "bb", ""]);
	assert.deepEqual(Buffer.from(answer as Bytes), Buffer.concat([u32(3), part("1"), u32(0xffffffff), part("")]));
	const later = bridgeOver({ get: async () => [bytes("1")] }).get(getFrame("a"));
	assert.ok(later instanceof Promise);
	assert.deepEqual(Buffer.from((await later) as Bytes), Buffer.concat([u32(1), part("1")]));
});

test("scan packs the range and the page", () => {
	let asked: ScanRange | undefined;
	const bridge = bridgeOver({
		scan: (range: ScanRange) => {
			asked = range;
			return { keys: [bytes("b"), bytes("a")], values: [bytes("2"), bytes("")], more: true };
		},
	});
	const answer = bridge.scan(scanFrame({ reverse: 1, maxBytes: 9 }));
	assert.deepEqual(
		{ ...asked, start: text(asked?.start), end: text(asked?.end) },
		{ start: "a", end: "d", limit: 10, reverse: true, maxBytes: 9 },
	);
	assert.deepEqual(
		Buffer.from(answer as Bytes),
		Buffer.concat([Buffer.from([1]), u32(2), Buffer.from([1]), part("b"), part("2"), part("a"), part("")]),
	);
	const keys = bridgeOver({ scan: () => ({ keys: [bytes("a")], values: [], more: false }) }).scan(
		scanFrame({ keysOnly: 1 }),
	);
	assert.deepEqual(Buffer.from(keys as Bytes), Buffer.concat([Buffer.from([0]), u32(1), Buffer.from([0]), part("a")]));
});

test("commit packs the batch and the refusal", () => {
	let asked: HostBatch | undefined;
	const applied = bridgeOver({
		commit: (batch: HostBatch) => {
			asked = batch;
			return { applied: true };
		},
	}).commit(commitFrame());
	assert.equal(applied, undefined);
	assert.equal(asked?.durability, "strict");
	assert.deepEqual(
		asked?.checks.map(({ key, value }) => [text(key), text(value)]),
		[
			["c1", "v1"],
			["c2", undefined],
		],
	);
	assert.deepEqual(asked?.deletes.map(text), ["d1"]);
	assert.deepEqual(
		asked?.puts.map(({ key, value }) => [text(key), text(value)]),
		[["p1", "w1"]],
	);
	const present = bridgeOver({ commit: () => ({ applied: false, check: 1, current: bytes("x") }) }).commit(
		commitFrame(),
	);
	assert.deepEqual(Buffer.from(present as Bytes), Buffer.concat([u32(1), Buffer.from([1]), Buffer.from("x")]));
	const absent = bridgeOver({ commit: () => ({ applied: false, check: 0, current: undefined }) }).commit(commitFrame());
	assert.deepEqual(Buffer.from(absent as Bytes), Buffer.concat([u32(0), Buffer.from([0])]));
});

test("large values stand apart, and are not copied", () => {
	const large = new Uint8Array(4096).fill(7);
	const small = new Uint8Array(4095).fill(8);
	const apart = u32(0x80000000 + 4096);
	const got = bridgeOver({ get: () => [large, undefined, small] }).get(getFrame("a", "b", "c")) as Bytes[];
	assert.equal(got[1], large);
	assert.deepEqual(Buffer.from(got[0] as Bytes), Buffer.concat([u32(3), apart, u32(0xffffffff), u32(4095), small]));
	assert.equal(got.length, 2);
	const page = { keys: [bytes("a"), bytes("b")], values: [small, large], more: false };
	const scanned = bridgeOver({ scan: () => page }).scan(scanFrame()) as Bytes[];
	assert.equal(scanned[1], large);
	assert.deepEqual(
		Buffer.from(scanned[0] as Bytes),
		Buffer.concat([Buffer.from([0]), u32(2), Buffer.from([1]), part("a"), u32(4095), small, part("b"), apart]),
	);
});

test("large values are lent: copied for a host that may keep them, and not for one that borrows", () => {
	const large = new Uint8Array(4096).fill(7);
	const puts = [u32(2), part("p"), u32(0x80000000 + 4096), part("q"), part("w")];
	const frame = Buffer.concat([Buffer.from([0]), u32(0), u32(0), ...puts]);
	for (const borrows of [undefined, false, true]) {
		const asked: HostBatch[] = [];
		const commit = (batch: HostBatch) => {
			asked.push(batch);
			return { applied: true };
		};
		const bridge = bridgeOver({ commit: Object.assign(commit, { borrows }) });
		for (let time = 0; time < 2; time++) {
			bridge.lend(large);
			void bridge.commit(frame);
		}
		assert.equal(asked.length, 2);
		for (const batch of asked) {
			const value = batch.puts[0]?.value;
			assert.equal(value === large, borrows === true);
			assert.deepEqual(Buffer.from(value as Bytes), Buffer.from(large));
			assert.equal(text(batch.puts[1]?.value), "w");
		}
	}
});

test("rubbish from a host is UNAVAILABLE and names host and rule", async () => {
	const b = bytes;
	const detached = b("1");
	structuredClone(detached, { transfer: [detached.buffer] });
	const longer = Object.defineProperty(b("1"), "length", { value: 5000 });
	const gets: unknown[] = [
		undefined,
		null,
		5,
		{},
		[],
		[b("1")],
		[b("1"), b("2"), b("3")],
		[b("1"), null],
		[b("1"), "text"],
		[b("1"), [1]],
		[b("1"), new ArrayBuffer(1)],
		[b("1"), detached],
		[b("1"), longer],
	];
	const scans: unknown[] = [
		undefined,
		[],
		{},
		{ keys: [], values: [] },
		{ keys: [], values: [], more: 1 },
		{ keys: [], values: [], more: true },
		{ keys: [b("a")], values: [], more: false },
		{ keys: [b("a")], values: [b("1"), b("2")], more: false },
		{ keys: ["a"], values: [b("1")], more: false },
		{ keys: [b("a")], values: ["1"], more: false },
		{ keys: [b("a")], values: [detached], more: false },
		{ keys: [b("a")], values: [longer], more: false },
		{ keys: [b("A")], values: [b("1")], more: false },
		{ keys: [b("d")], values: [b("1")], more: false },
		{ keys: [b("b"), b("a")], values: [b("1"), b("2")], more: false },
		{ keys: [b("a"), b("a")], values: [b("1"), b("2")], more: false },
		{ keys: [b("a"), b("b"), b("c")], values: [b("1"), b("2"), b("3")], more: false },
	];
	const commits: unknown[] = [
		undefined,
		true,
		{},
		{ applied: 1 },
		{ applied: false },
		{ applied: false, check: 2 },
		{ applied: false, check: -1 },
		{ applied: false, check: 0.5 },
		{ applied: false, check: 0, current: null },
		{ applied: false, check: 0, current: detached },
		{ applied: false, check: 0, current: longer },
	];
	const refused = (error: unknown): boolean => {
		assert.ok(isStreamkitError(error, "UNAVAILABLE"), String(error));
		assert.match(error.message, /^host "odd": (get|scan|commit) answered wrongly: /);
		assert.equal(error.details["applied"], "unknown");
		return true;
	};
	for (const [answers, call, frame] of [
		[gets, "get", getFrame("a", "b")],
		[scans, "scan", scanFrame({ limit: 2 })],
		[commits, "commit", commitFrame()],
	] as const) {
		for (const answer of answers) {
			assert.throws(() => bridgeOver({ [call]: () => answer })[call](frame), refused);
			await assert.rejects(async () => bridgeOver({ [call]: async () => answer })[call](frame), refused);
		}
	}
	assert.throws(
		() =>
			bridgeOver({ scan: () => ({ keys: [b("a"), b("b")], values: [b("1"), b("2")], more: false }) }).scan(
				scanFrame({ reverse: 1 }),
			),
		refused,
	);
	assert.throws(
		() =>
			bridgeOver({ scan: () => ({ keys: [b("a")], values: [b("1")], more: false }) }).scan(scanFrame({ keysOnly: 1 })),
		refused,
	);
});

test("what a host throws is passed on with its code, else as UNAVAILABLE", async () => {
	const quota = new StreamkitError("QUOTA_EXCEEDED", "full");
	assert.throws(
		() =>
			bridgeOver({
				get: () => {
					throw quota;
				},
			}).get(getFrame("a")),
		quota,
	);
	await assert.rejects(
		async () =>
			bridgeOver({
				get: async () => {
					throw quota;
				},
			}).get(getFrame("a")),
		quota,
	);
	await assert.rejects(
		async () =>
			bridgeOver({
				get: async () => {
					throw new TypeError("boom");
				},
			}).get(getFrame("a")),
		(error) => {
			assert.ok(isStreamkitError(error, "UNAVAILABLE"));
			assert.match(error.message, /host "odd": get failed: boom/);
			return true;
		},
	);
});

test("the clock is floored and must be a time", () => {
	assert.equal(bridgeOver({}, () => 1234.9).now(), 1234);
	for (const now of [Number.NaN, 2 ** 48, Number.POSITIVE_INFINITY, "5" as never, undefined as never]) {
		assert.throws(
			() => bridgeOver({}, () => now).now(),
			(error) => isStreamkitError(error, "INVALID_ARGUMENT"),
		);
	}
});

test("random bytes fill the view, and a failing notify is no matter", () => {
	const view = new Uint8Array(64);
	bridgeOver({}).fill(view.subarray(8, 56));
	assert.ok(view.subarray(8, 56).some((byte) => byte !== 0));
	assert.ok(view.subarray(0, 8).every((byte) => byte === 0));
	bridgeOver({
		notify: () => {
			throw new Error("no");
		},
	}).notify();
	bridgeOver({}).notify();
});

test("timers fire once, and not when stopped", async () => {
	const bridge = bridgeOver({});
	timers.hold(true);
	const fired: string[] = [];
	const stopped = bridge.startTimer(1, () => fired.push("stopped"));
	bridge.stopTimer(stopped);
	await new Promise<void>((resolve) =>
		bridge.startTimer(5, () => {
			fired.push("fired");
			resolve();
		}),
	);
	bridge.stopTimer(stopped);
	assert.deepEqual(fired, ["fired"]);
	timers.hold(false);
	bridge.startTimer(60_000, () => {});
	// The process ends nevertheless: nobody is waiting.
});

test("an answer that comes after the instance died wakes nothing", async () => {
	let alive = true;
	const host = { name: "late", limits: memoryHost().limits, get: async () => [bytes("1")] } as unknown as HostKv;
	const answer = createBridge(host, Date.now, timers, () => alive).get(getFrame("a"));
	alive = false;
	const first = await Promise.race([answer, new Promise((resolve) => setTimeout(() => resolve("nothing"), 10))]);
	assert.equal(first, "nothing");
});
