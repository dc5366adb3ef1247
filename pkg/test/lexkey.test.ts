import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { compareUtf8, isWellFormed } from "../src/common/utf8.js";
import { isStreamkitError } from "../src/errors.js";
import { end, f64, i64, LexKey, type LexKeyPart, u64, uuid } from "../src/lexkey.js";

const encode = (part: LexKeyPart): string => LexKey.encode(part).toHex();

const refuses = (run: () => unknown, message?: RegExp): void => {
	assert.throws(
		run,
		(error) => isStreamkitError(error, "INVALID_ARGUMENT") && (message === undefined || message.test(error.message)),
	);
};

test("vectors", () => {
	assert.equal(encode("hello"), "68656c6c6f");
	assert.equal(encode(uuid("550e8400-e29b-41d4-a716-446655440000")), "550e8400e29b41d4a716446655440000");
	assert.equal(encode(uuid("550E8400-E29B-41D4-A716-446655440000")), "550e8400e29b41d4a716446655440000");
	assert.equal(encode(i64(123)), "800000000000007b");
	assert.equal(encode(123n), "800000000000007b");
	assert.equal(encode(i64(-123)), "7fffffffffffff85");
	assert.equal(encode(u64(255)), "00000000000000ff");
	assert.equal(encode(u64(123n)), "000000000000007b");
	assert.equal(encode(Math.fround(3.14)), "c0091eb860000000");
	assert.equal(encode(Math.fround(-3.14)), "3ff6e1479fffffff");
	assert.equal(encode(3.14), "c0091eb851eb851f");
	assert.equal(encode(f64(3.14)), "c0091eb851eb851f");
	assert.equal(encode(Number.NaN), "7ff8000000000001");
	assert.equal(encode(-0), "0000000000000000");
	assert.equal(encode(0), "8000000000000000");
	assert.equal(encode(new Date("1970-01-01T00:00:00Z")), "8000000000000000");
	assert.equal(encode(new Date("2023-11-14T22:13:20Z")), "97979cfe362a0000");
	assert.equal(encode(runInNewContext('new Date("2023-11-14T22:13:20Z")') as Date), "97979cfe362a0000");
	assert.equal(encode(i64(42)), "800000000000002a");
	assert.equal(encode(null), "00");
	assert.equal(encode(end), "ff");
	assert.equal(encode(true), "01");
	assert.equal(encode(false), "00");
	assert.equal(LexKey.encode("foo", i64(42), true).toHex(), "666f6f00800000000000002a0001");
	assert.equal(LexKey.encode("partition", "row").toHex(), "706172746974696f6e00726f77");
	assert.equal(LexKey.encodeFirst("part").toHex(), "7061727400");
	assert.equal(LexKey.encodeLast("part", "end").toHex(), "7061727400656e64ff");
	assert.equal(LexKey.encode(new Uint8Array([1, 2]), LexKey.encode("a")).toHex(), "01020061");
});

test("every type has its edges", () => {
	assert.equal(encode(-(2n ** 63n)), "0000000000000000");
	assert.equal(encode(2n ** 63n - 1n), "ffffffffffffffff");
	assert.equal(encode(u64(2n ** 64n - 1n)), "ffffffffffffffff");
	assert.equal(encode(Number.NEGATIVE_INFINITY), "000fffffffffffff");
	assert.equal(encode(Number.POSITIVE_INFINITY), "fff0000000000000");
	assert.equal(encode(""), "");
});

test("what is no part is refused", () => {
	const parts: unknown[] = [
		undefined,
		{},
		[],
		Symbol("s"),
		() => 1,
		new Date(Number.NaN),
		new Date(8.64e15),
		2n ** 63n,
		"\ud800",
		"a\udc00",
	];
	parts.push(
		{ type: "i32", value: 1 },
		{ type: "i64" },
		{ type: "i64", value: 1.5 },
		{ type: "u64", value: -1 },
		{ type: "uuid", value: "x" },
		{ type: "f64", value: 1n },
	);
	for (const part of parts) refuses(() => LexKey.encode(part as LexKeyPart), /^parts\[0\]: /);
	refuses(() => (LexKey.encode as (...parts: LexKeyPart[]) => LexKey)());
	refuses(() => u64(-1));
	refuses(() => u64(2n ** 64n));
	refuses(() => i64(2 ** 53));
	refuses(() => i64(2n ** 63n));
	refuses(() => uuid("550e8400e29b41d4a716446655440000"));
	refuses(() => f64("1" as unknown as number));
});

test("hex", () => {
	assert.equal(LexKey.fromHex("").toHex(), "");
	assert.equal(LexKey.fromHex("00FFab").toHex(), "00ffab");
	for (const hex of ["0", "0g", "0x00", " 00", "00 ", undefined, 5]) refuses(() => LexKey.fromHex(hex as string));
	assert.equal(JSON.stringify({ key: LexKey.encode("a") }), '{"key":"61"}');
	assert.equal(`${LexKey.encode("a")}`, "61");
});

test("a key cannot be changed", () => {
	const source = new Uint8Array([1, 2, 3]);
	const key = LexKey.fromBytes(source);
	source[0] = 9;
	key.bytes[0] = 9;
	assert.equal(key.toHex(), "010203");
	refuses(() => LexKey.fromBytes([1] as unknown as Uint8Array));
});

test("compare and equals", () => {
	const a = LexKey.fromHex("01");
	const b = LexKey.fromHex("0100");
	assert.equal(LexKey.compare(a, b), -1);
	assert.equal(LexKey.compare(b, a), 1);
	assert.equal(LexKey.compare(a, LexKey.fromHex("01")), 0);
	assert.ok(a.equals(LexKey.fromHex("01")));
	assert.ok(!a.equals(b));
	refuses(() => LexKey.compare(a, "01" as unknown as LexKey));
});

const sign = (x: number): number => Math.sign(x);

function ordered<T>(
	name: string,
	values: fc.Arbitrary<T>,
	part: (value: T) => LexKeyPart,
	compare: (a: T, b: T) => number,
): void {
	test(`byte order is value order: ${name}`, () => {
		fc.assert(
			fc.property(values, values, (a, b) => {
				const order = LexKey.compare(LexKey.encode(part(a)), LexKey.encode(part(b)));
				assert.equal(order, sign(compare(a, b)));
			}),
		);
	});
}

const big = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
const text = fc.string({ unit: "binary" }).filter((s) => isWellFormed(s) && !s.includes("\0"));
const i64s = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const u64s = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

ordered("string", text, (v) => v, compareUtf8);
ordered("i64", i64s, i64, big);
ordered("u64", u64s, u64, big);
ordered(
	"number",
	fc.double({ noNaN: true }).filter((v) => !Object.is(v, -0)),
	(v) => v,
	(a, b) => a - b || (a < b ? -1 : a > b ? 1 : 0),
);
ordered(
	"boolean",
	fc.boolean(),
	(v) => v,
	(a, b) => Number(a) - Number(b),
);
ordered("uuid", fc.uuid(), uuid, (a, b) => (a < b ? -1 : a > b ? 1 : 0));
ordered(
	"Date",
	fc.date({ min: new Date(-9e12), max: new Date(9e12), noInvalidDate: true }),
	(v) => v,
	(a, b) => a.getTime() - b.getTime(),
);

test("byte order is value order: tuples", () => {
	// Names without control characters, as spaces and segments are: then 00 ends a name below everything that goes on.
	const name = text.filter((s) => ![...s].some((c) => c <= "\x1f"));
	const tuple = fc.tuple(name, name, u64s);
	fc.assert(
		fc.property(tuple, tuple, ([a, b, c], [x, y, z]) => {
			const order = LexKey.compare(LexKey.encode(a, b, u64(c)), LexKey.encode(x, y, u64(z)));
			assert.equal(order, sign(compareUtf8(a, x) || compareUtf8(b, y) || big(c, z)));
		}),
	);
});

test("first and last enclose what goes on", () => {
	fc.assert(
		fc.property(text, text, (a, b) => {
			const key = LexKey.encode(a, b);
			assert.ok(LexKey.compare(LexKey.encodeFirst(a), key) <= 0);
			assert.ok(LexKey.compare(key, LexKey.encodeLast(a)) < 0);
		}),
	);
});

test("a key that is printed shows its hex", () => {
	const key = LexKey.encode("a", u64(1));
	assert.equal(inspect(key), "LexKey(61000000000000000001)");
	assert.equal(inspect({ offset: key }), "{ offset: LexKey(61000000000000000001) }");
	assert.equal(`${key}`, key.toHex());
});
