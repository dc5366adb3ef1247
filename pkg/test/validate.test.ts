import assert from "node:assert/strict";
import { test } from "node:test";
import type { Bytes } from "../src/common/bytes.js";
import { json } from "../src/common/json.js";
import * as v from "../src/common/validate.js";
import { isStreamkitError } from "../src/errors.js";
import { memoryHost } from "../src/hosts/memory.js";
import { LexKey, u64 } from "../src/lexkey.js";
import { parseSegmentOffset, parseSpaceOffset, segmentOffset, spaceOffset } from "../src/reading/offsets.js";

const refuses = (argument: string, run: () => unknown): void => {
	assert.throws(run, (error) => {
		assert.ok(isStreamkitError(error, "INVALID_ARGUMENT"), String(error));
		assert.ok(error.message.startsWith(`${argument}: `), error.message);
		return true;
	});
};

test("names", () => {
	for (const name of [
		"a",
		"order-1",
		" ",
		"a/b",
		"\u00e9",
		"\u{1f600}",
		"x".repeat(128),
		"\u00e9".repeat(64),
		"$",
		"__proto__",
	])
		v.checkName("space", name);
	for (const name of [
		"",
		"\0",
		"a\nb",
		"a\x1f",
		"a\x7f",
		"x".repeat(129),
		"\u00e9".repeat(65),
		"\u{1f600}".repeat(33),
		"\ud800",
		"a\udc00b",
		undefined,
		null,
		5,
		{},
		["a"],
		Symbol("a"),
	]) {
		refuses("space", () => v.checkName("space", name));
	}
});

test("numbers", () => {
	for (const value of [0, 1, Number.MAX_SAFE_INTEGER]) v.checkInteger("limit", value, 0);
	for (const value of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, "1", 1n, null, undefined, {}])
		refuses("limit", () => v.checkInteger("limit", value, 0));
	refuses("limit", () => v.checkInteger("limit", 11, 1, 10));
	assert.equal(v.optionalInteger("limit", undefined, 0, 7), 7);
	refuses("limit", () => v.optionalInteger("limit", null, 0, 7));
	for (const value of [-1, Number.NaN, Number.POSITIVE_INFINITY, "5", null])
		refuses("ttl", () => v.optionalDuration("ttl", value, 0));
});

test("options of other types", () => {
	for (const value of [null, 5, "x", true]) refuses("options", () => v.optionsObject(value as never));
	for (const value of [1, "true", null]) refuses("follow", () => v.optionalBoolean("follow", value, false));
	for (const value of [1, "x", null, {}]) refuses("onError", () => v.optionalFunction("onError", value));
	for (const value of ["durable", 1, null]) refuses("durability", () => v.optionalDurability(value));
	for (const value of [5, "abc", null, undefined]) refuses("records", () => v.checkIterable("records", value));
	refuses("records", () => v.checkIterable("records", {}));
	for (const value of [5, null, {}, new EventTarget()]) refuses("signal", () => v.checkSignal(value as never));
});

test("a signal that has fired throws its reason", () => {
	const reason = { why: "done" };
	assert.throws(
		() => v.checkSignal(AbortSignal.abort(reason)),
		(error) => error === reason,
	);
	const { signal } = new AbortController();
	assert.equal(v.checkSignal(signal), signal);
});

test("trx and lease", () => {
	const id = "0190A1B2-0000-7000-8000-000000000000";
	assert.deepEqual(v.optionalTrx({ id }), { id: id.toLowerCase(), number: 0 });
	assert.deepEqual(v.optionalTrx({ id, number: 3 }), { id: id.toLowerCase(), number: 3 });
	for (const value of [null, 5, "x"]) refuses("trx", () => v.optionalTrx(value));
	for (const bad of [
		undefined,
		5,
		"",
		"x",
		"0190a1b20000700080000000000000000",
		"00000000-0000-0000-0000-000000000000",
	])
		refuses("trx.id", () => v.optionalTrx({ id: bad }));
	for (const number of [0, -1, 1.5, "1", null]) refuses("trx.number", () => v.optionalTrx({ id, number }));
	const { signal } = new AbortController();
	assert.deepEqual(v.optionalLease({ key: "k", holder: "h", fencingToken: 2, signal }), {
		key: "k",
		holder: "h",
		fencingToken: 2,
	});
	refuses("lease", () => v.optionalLease(5 as never));
	refuses("lease.key", () => v.optionalLease({ key: "", holder: "h", fencingToken: 2, signal }));
	refuses("lease.fencingToken", () => v.optionalLease({ key: "k", holder: "h", fencingToken: 0, signal }));
});

test("hosts", () => {
	v.checkHost(memoryHost());
	const good = memoryHost();
	for (const value of [undefined, null, 5, "memory", Promise.resolve(good)]) refuses("host", () => v.checkHost(value));
	refuses("host.name", () => v.checkHost({ ...good, name: "" }));
	refuses("host.get", () => v.checkHost({ name: "x", limits: good.limits }));
	const calls = { name: "x", get() {}, scan() {}, commit() {} };
	refuses("host.watch", () => v.checkHost({ ...calls, limits: good.limits, watch: 5 }));
	refuses("host.limits", () => v.checkHost(calls));
	refuses("host.limits.maxKeyBytes", () => v.checkHost({ ...calls, limits: { ...good.limits, maxKeyBytes: 0 } }));
	refuses("host.limits.checks", () => v.checkHost({ ...calls, limits: { ...good.limits, checks: 1 } }));
	refuses("host.limits.atomic", () => v.checkHost({ ...calls, limits: { ...good.limits, atomic: "row" } }));
	v.checkHost({ ...calls, limits: { ...good.limits, maxBatchOps: Number.POSITIVE_INFINITY } });
});

test("open options have their defaults", () => {
	const { clock, ...rest } = v.checkOpenOptions(undefined);
	assert.equal(clock, Date.now);
	assert.deepEqual(rest, {
		storeId: undefined,
		durability: "strict",
		compression: "auto",
		hostTimeout: 30_000,
		pollInterval: 1000,
		retentionInterval: 10_000,
		autoCompact: true,
	});
	refuses("storeId", () => v.checkOpenOptions({ storeId: "x" }));
	refuses("compression", () => v.checkOpenOptions({ compression: "gzip" as never }));
	refuses("clock", () => v.checkOpenOptions({ clock: 5 as never }));
	refuses("hostTimeout", () => v.checkOpenOptions({ hostTimeout: -1 }));
	refuses("pollInterval", () => v.checkOpenOptions({ pollInterval: 0 }));
	refuses("autoCompact", () => v.checkOpenOptions({ autoCompact: "yes" as never }));
});

test("segment offsets are of that very segment", () => {
	const parse = (offset: unknown): number => parseSegmentOffset("offset", offset as string, "s", "g");
	const key = segmentOffset("s", "g", 7);
	assert.equal(parse(key), 7);
	assert.equal(parse(key.toHex()), 7);
	assert.equal(parse(key.toHex().toUpperCase()), 7);
	assert.equal(parse(key.bytes), 7);
	assert.equal(parse(""), 0);
	assert.equal(parse(new Uint8Array(0)), 0);
	assert.equal(parse(segmentOffset("s", "g", 0)), 0);
	const rubbish: unknown[] = [
		"zz",
		"0",
		5,
		{},
		undefined,
		null,
		LexKey.encode("DAT"),
		LexKey.encode("DAT", "SEGMENTS", "s", "g"),
		LexKey.encodeFirst("DAT", "SEGMENTS", "s", "g"),
		LexKey.encode("INV", "SEGMENTS", "s", "g", u64(1)),
		LexKey.encode("DAT", "SEGMENTS", "s", "g", u64(2n ** 53n)),
		LexKey.encode("DAT", "SEGMENTS", "s", "g", u64(1), u64(1)),
		segmentOffset("s", "h", 1),
		segmentOffset("t", "g", 1),
		segmentOffset("s", "g2", 1),
		spaceOffset("s", 1, 1),
		new Uint8Array([...key.bytes, 0]),
		key.bytes.slice(0, -1) as Bytes,
	];
	for (const offset of rubbish) refuses("offset", () => parse(offset));
});

test("space offsets are of that very space", () => {
	const parse = (offset: unknown): unknown => parseSpaceOffset("offset", offset as string, "s");
	const key = spaceOffset("s", 2 ** 48 - 1, 5);
	assert.deepEqual(parse(key), { ms: 2 ** 48 - 1, n: 5 });
	assert.deepEqual(parse(""), { ms: 0, n: 0 });
	assert.deepEqual(parse(spaceOffset("s", 0, 0)), { ms: 0, n: 0 });
	for (const offset of [
		"ff",
		spaceOffset("t", 1, 1),
		spaceOffset("s2", 1, 1),
		spaceOffset("s", -1, 0),
		spaceOffset("s", 2 ** 48, 0),
		spaceOffset("s", 0, 1),
		segmentOffset("s", "g", 1),
		LexKey.encode("DAT", "SPACES", "s"),
	]) {
		refuses("offset", () => parse(offset));
	}
});

test("json makes text or says why not", () => {
	assert.equal(json({ a: [1, "\ud800"] }), '{"a":[1,"\\ud800"]}');
	const cycle: { self?: unknown } = {};
	cycle.self = cycle;
	for (const value of [undefined, () => 1, Symbol("s"), 1n, cycle]) refuses("value", () => json(value));
});

test("a refusal repeats what it got: numbers, the start of texts, and of everything else what it is", () => {
	const got = (value: unknown): string => {
		try {
			v.optionalBoolean("flag", value, false);
		} catch (error) {
			return (error as Error).message.replace("flag: must be true or false, got ", "");
		}
		return "nothing";
	};
	assert.equal(got("weak"), '"weak"');
	assert.equal(got("a\n".repeat(30)), JSON.stringify("a\n".repeat(20)));
	assert.equal(got(null), "null");
	assert.equal(got(1.5), "1.5");
	assert.equal(got(5n), "5");
	assert.equal(got(Symbol("s")), "Symbol(s)");
	assert.equal(got([1]), "an array");
	assert.equal(got({}), "a value of type object");
	assert.equal(got(Object.create(null)), "a value of type object");
	assert.equal(
		got(() => {}),
		"a value of type function",
	);
	assert.throws(() => v.checkName("space", undefined), /^StreamkitError: space: must be a string, got undefined$/);
});
