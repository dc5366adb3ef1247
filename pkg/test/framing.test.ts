import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import type { Bytes } from "../src/common/bytes.js";
import { compareUtf8, decodeUtf8, encodeUtf8, encodeUtf8Into, isWellFormed, utf8Length } from "../src/common/utf8.js";
import type { PageBytes } from "../src/engine/abi.js";
import { isStreamkitError } from "../src/errors.js";
import { readChanges, readNames } from "../src/framing/answers.js";
import { emptyEntry, readPage } from "../src/framing/page.js";
import { FrameWriter, transactFrame } from "../src/framing/record-frame.js";
import type { RecordInput } from "../src/types.js";
import { PageBuilder, parseFrame } from "./support/frames.js";

const LIMIT = 1 << 24;

function frameOf(records: readonly RecordInput[]): Bytes {
	const writer = new FrameWriter(16);
	for (const [i, { payload, metadata, sequence }] of records.entries())
		writer.add(payload, metadata, sequence, LIMIT, i);
	return writer.finish();
}

const wellFormed = fc.string({ unit: "binary", maxLength: 80 }).filter((s) => isWellFormed(s));
const metadata = fc.dictionary(wellFormed, wellFormed, { maxKeys: 4, noNullPrototype: true });
const payload = fc.oneof(wellFormed, fc.uint8Array({ maxLength: 200 }));
const record = fc.record({ payload, metadata }, { requiredKeys: ["payload"] });

test("text is encoded as the standard encoder does", () => {
	fc.assert(
		fc.property(wellFormed, (text) => {
			const expected = new TextEncoder().encode(text);
			const target = new Uint8Array(text.length * 3 + 2);
			const written = encodeUtf8Into(text, target, 1);
			assert.deepEqual(target.subarray(1, 1 + written), expected);
			assert.equal(utf8Length(text), expected.length);
			assert.equal(decodeUtf8(target, 1, 1 + written), text);
		}),
	);
});

test("strings are compared as their UTF-8 bytes", () => {
	fc.assert(
		fc.property(wellFormed, wellFormed, (a, b) => {
			assert.equal(compareUtf8(a, b), Math.sign(Buffer.compare(encodeUtf8(a), encodeUtf8(b))));
		}),
	);
	assert.equal(compareUtf8("\u{ff61}", "\u{10000}"), -1);
});

test("records survive a frame", () => {
	fc.assert(
		fc.property(fc.array(record, { minLength: 1, maxLength: 20 }), (records) => {
			const frame = parseFrame(frameOf(records as RecordInput[]));
			assert.equal(frame.length, records.length);
			for (const [i, { payload, metadata }] of records.entries()) {
				const found = frame[i];
				assert.deepEqual(Buffer.from(found?.payload ?? []), Buffer.from(payload as string));
				assert.deepEqual(found?.metadata, metadata ?? {});
				assert.equal(found?.sequence, 0);
			}
		}),
	);
});

test("sequences come first, 0 where there is none", () => {
	const frame = parseFrame(frameOf([{ payload: "a" }, { payload: "b", sequence: 2 ** 40 + 7 }, { payload: "c" }]));
	assert.deepEqual(
		frame.map(({ sequence }) => sequence),
		[0, 2 ** 40 + 7, 0],
	);
});

test("metadata keys are ordered by their bytes", () => {
	const frame = frameOf([{ payload: "", metadata: { "\u{10000}": "3", b: "2", "\u{ff61}": "x", a: "1" } }]);
	assert.deepEqual(Object.keys(parseFrame(frame)[0]?.metadata ?? {}), ["a", "b", "\u{ff61}", "\u{10000}"]);
});

test("a record that is refused leaves the frame as it was", () => {
	const writer = new FrameWriter(16);
	writer.add("a", undefined, undefined, LIMIT, 0);
	const bad: [unknown, unknown, unknown, RegExp][] = [
		["\ud800", undefined, undefined, /^records\[1\]\.payload: /],
		[5, undefined, undefined, /^records\[1\]\.payload: /],
		[[1, 2], undefined, undefined, /^records\[1\]\.payload: /],
		[undefined, undefined, undefined, /^records\[1\]\.payload: /],
		["x", { k: 5 }, undefined, /^records\[1\]\.metadata\["k"\]: /],
		["x", { k: "\udc00" }, undefined, /^records\[1\]\.metadata\["k"\]: /],
		["x", { "\udc00": "v" }, undefined, /^records\[1\]\.metadata key /],
		["x", null, undefined, /^records\[1\]\.metadata: /],
		["x", ["v"], undefined, /^records\[1\]\.metadata: /],
		["x", new Map(), undefined, /^records\[1\]\.metadata: /],
		["x", runInNewContext("new Map([['a', '1']])"), undefined, /^records\[1\]\.metadata: /],
		["x", new Headers({ a: "1" }), undefined, /^records\[1\]\.metadata: /],
		["x", new URLSearchParams("a=1"), undefined, /^records\[1\]\.metadata: /],
		["x", new Date(0), undefined, /^records\[1\]\.metadata: /],
		["x", new Error("x"), undefined, /^records\[1\]\.metadata: /],
		["x", undefined, 0, /^records\[1\]\.sequence: /],
		["x", undefined, 1.5, /^records\[1\]\.sequence: /],
		["x", undefined, 2 ** 53, /^records\[1\]\.sequence: /],
		["x", undefined, "1", /^records\[1\]\.sequence: /],
		["x", undefined, null, /^records\[1\]\.sequence: /],
	];
	for (const [value, meta, sequence, message] of bad) {
		assert.throws(
			() => writer.add(value, meta as Record<string, string>, sequence as number, LIMIT, 1),
			(error) => isStreamkitError(error, "INVALID_ARGUMENT") && message.test(error.message),
		);
	}
	for (const value of ["x".repeat(11), new Uint8Array(11), "\u00e9".repeat(6)]) {
		assert.throws(
			() => writer.add(value, undefined, undefined, 10, 1),
			(error) => {
				assert.ok(isStreamkitError(error, "LIMIT_EXCEEDED"));
				assert.deepEqual(error.details, {
					what: "record bytes",
					limit: 10,
					actual: value instanceof Uint8Array ? 11 : utf8Length(value),
				});
				return true;
			},
		);
	}
	writer.add("b", undefined, undefined, LIMIT, 1);
	assert.deepEqual(
		parseFrame(writer.finish()).map(({ payload }) => Buffer.from(payload).toString()),
		["a", "b"],
	);
});

test("a long frame is cut into frames", () => {
	for (const sequences of [false, true]) {
		const writer = new FrameWriter(16);
		const marks = [FrameWriter.START];
		for (let i = 0; i < 30; i++) {
			writer.add(`payload ${i}`, undefined, sequences ? i + 1 : undefined, LIMIT, i);
			if (i % 7 === 6) marks.push(writer.mark());
		}
		marks.push(writer.mark());
		const all: string[] = [];
		for (let i = 1; i < marks.length; i++) {
			const part = parseFrame(writer.cut(marks[i - 1] as never, marks[i] as never));
			for (const { payload, sequence } of part) all.push(`${Buffer.from(payload)} ${sequence}`);
		}
		assert.deepEqual(
			all,
			Array.from({ length: 30 }, (_, i) => `payload ${i} ${sequences ? i + 1 : 0}`),
		);
		writer.discard(marks[1] as never);
		assert.equal(writer.count, 23);
		assert.equal(parseFrame(writer.finish())[0]?.payload.toString(), Buffer.from("payload 7").toString());
	}
});

test("transact frames hold their writes", () => {
	const frame = transactFrame([
		{ space: encodeUtf8("s"), segment: encodeUtf8("g"), frame: frameOf([{ payload: "p" }]) },
	]);
	assert.equal(
		Buffer.from(frame).toString("hex"),
		"0100000001000000730100000067" + "0e000000" + "0100000000" + "0100000070" + "00000000",
	);
});

test("pages are read back as entries", () => {
	fc.assert(
		fc.property(fc.array(record, { maxLength: 20 }), fc.nat(1000), (records, first) => {
			const bytes = new PageBuilder({ done: true, tail: true, next: [9, 0] })
				.run({
					segment: "seg",
					first: first + 1,
					ms: 1_700_000_000_000,
					n: 4,
					tier: 1,
					records: records as RecordInput[],
				})
				.finish();
			const page = readPage(bytes, "space");
			assert.ok(page.done && page.tail);
			assert.deepEqual(page.next, [9, 0]);
			const entries = [...page.entries];
			assert.equal(entries.length, records.length);
			assert.equal(page.count, records.length);
			assert.deepEqual(page.last, entries.at(-1));
			for (const [i, entry] of entries.entries()) {
				const { payload, metadata } = records[i] as RecordInput;
				assert.equal(entry.space, "space");
				assert.equal(entry.segment, "seg");
				assert.equal(entry.sequence, first + 1 + i);
				assert.equal(entry.timestamp, 1_700_000_000_000);
				assert.equal(entry.id, `1700000000000-${4 + i}`);
				assert.equal(entry.tier, "hot");
				assert.equal(entry.partition, undefined);
				assert.deepEqual(Buffer.from(entry.payload), Buffer.from(payload as string));
				assert.deepEqual(entry.metadata, metadata ?? {});
				assert.equal(entry.metadata, entry.metadata);
				assert.equal(entry.payload, entry.payload);
				assert.equal(entry.payload.buffer, bytes.buffer);
				if (typeof payload === "string") assert.equal(entry.text(), payload);
				assert.deepEqual(entry.trx, {
					id: "00010203-0405-0607-0809-0a0b0c0d0e0f",
					node: "10111213-1415-1617-1819-1a1b1c1d1e1f",
					number: 77,
				});
			}
		}),
	);
});

test("the runs of a page are read one after the other", () => {
	const run = fc.record({
		segment: fc.constantFrom("a", "b", "\u00e9"),
		size: fc.nat(3),
		// Some lie in arrays of their own, somewhere.
		lentAt: fc.option(fc.nat(40), { nil: undefined }),
	});
	fc.assert(
		fc.property(fc.array(run, { maxLength: 8 }), (runs) => {
			const builder = new PageBuilder({ tail: true });
			const expected: string[] = [];
			for (const [at, { segment, size, lentAt }] of runs.entries()) {
				const records = Array.from({ length: size }, (_, i) => ({ payload: `${at}.${i}` }));
				builder.run({ segment, first: 10 * at + 1, ms: 5 + at, n: 2 ** 40, tier: at % 2, lentAt, records });
				for (const [i, { payload }] of records.entries())
					expected.push(`${segment} ${10 * at + 1 + i} ${5 + at}-${2 ** 40 + i} ${payload} ${["warm", "hot"][at % 2]}`);
			}
			const list = builder.list();
			const page = readPage(list.length === 1 ? list[0] : list, "s");
			// As often as it is gone through.
			for (let times = 0; times < 2; times++) {
				const found = [...page.entries];
				assert.deepEqual(
					found.map((entry) => `${entry.segment} ${entry.sequence} ${entry.id} ${entry.text()} ${entry.tier}`),
					expected,
				);
				assert.deepEqual(page.last, found.at(-1));
			}
			assert.equal(page.count, expected.length);
		}),
	);
});

test("an entry as JSON says all and keeps bytes apart from text", () => {
	const bytes = new PageBuilder({})
		.run({
			segment: "g",
			records: [
				{ payload: '{"a":1}', metadata: { k: "v" } },
				{ payload: new Uint8Array([255, 1]) },
				{ payload: "\ufeffbom" },
			],
		})
		.finish();
	const [first, second, third] = readPage(bytes, "s").entries;
	assert.deepEqual(JSON.parse(JSON.stringify(first)), {
		space: "s",
		segment: "g",
		sequence: 1,
		timestamp: 1,
		id: "1-0",
		trx: { id: "00010203-0405-0607-0809-0a0b0c0d0e0f", node: "10111213-1415-1617-1819-1a1b1c1d1e1f", number: 77 },
		payload: '{"a":1}',
		metadata: { k: "v" },
		tier: "warm",
	});
	assert.deepEqual(first?.json(), { a: 1 });
	assert.equal((second?.toJSON() as { payloadBase64: string } | undefined)?.payloadBase64, "/wE=");
	assert.throws(
		() => second?.json(),
		(error) => isStreamkitError(error, "INVALID_ARGUMENT"),
	);
	assert.equal(third?.text(), "\ufeffbom");
});

test("a metadata key may be __proto__", () => {
	const metadata = JSON.parse('{"__proto__":"x","a":"y"}') as Record<string, string>;
	const [entry] = readPage(
		new PageBuilder({}).run({ segment: "g", records: [{ payload: "", metadata }] }).finish(),
		"s",
	).entries;
	assert.deepEqual(Object.entries(entry?.metadata ?? {}), [
		["__proto__", "x"],
		["a", "y"],
	]);
	assert.equal(Object.getPrototypeOf(entry?.metadata), Object.prototype);
});

test("partitions are the canonical decimals of a stream's segments", () => {
	for (const [segment, partition] of [
		["0", 0],
		["17", 17],
		["007", undefined],
		["x", undefined],
		["-1", undefined],
		["9007199254740993", undefined],
	] as const) {
		const ofSpace = new PageBuilder({}).run({ segment, records: [{ payload: "" }] }).finish();
		assert.equal(readPage(ofSpace, "s").last?.partition, undefined);
		const ofStream = new PageBuilder({ stream: true }).run({ segment, records: [{ payload: "" }] }).finish();
		assert.equal(readPage(ofStream, "s").last?.partition, partition);
	}
});

test("a broken page is an error, never a wrong entry", () => {
	const bytes = new PageBuilder({}).run({ segment: "g", records: [{ payload: "abc", metadata: { k: "v" } }] }).finish();
	for (let length = 0; length < bytes.length; length++) {
		assert.throws(
			() => readPage(bytes.slice(0, length), "s"),
			(error) => isStreamkitError(error, "CORRUPT"),
		);
	}
	// Where the one run's fields lie: behind the head and the name "g".
	const run = 33;
	const wrong: [string, number, number][] = [
		["no such name", run, 1],
		["more entries", run + 4, 2],
		["fewer entries", run + 4, 0],
		["a sequence beyond 2^53 - 1", run + 20, 2 ** 21],
		["milliseconds beyond it", run + 28, 2 ** 21],
		["n beyond it", run + 36, 2 ** 21],
		["a TRX number beyond it", run + 76, 2 ** 21],
		["a longer payload", run + 80, 4],
		["a payload beyond all", run + 80, 0xffffffff],
	];
	assert.equal([...readPage(bytes, "s").entries].length, 1);
	for (const [what, at, value] of wrong) {
		const broken = bytes.slice();
		new DataView(broken.buffer).setUint32(at, value, true);
		assert.throws(
			() => readPage(broken, "s"),
			(error) => isStreamkitError(error, "CORRUPT"),
			what,
		);
	}
	assert.throws(
		() => readPage(new Uint8Array([...bytes, 0]), "s"),
		(error) => isStreamkitError(error, "CORRUPT"),
		"a byte too many",
	);
});

test("a page that does not go with its arrays is an error", () => {
	const record = { payload: "abc", metadata: { k: "v" } };
	const builder = new PageBuilder({}).run({ segment: "g", lentAt: 3, records: [record] });
	const [bytes, array] = builder.run({ segment: "g", first: 2, records: [record] }).list() as [Bytes, Bytes];
	const [entry] = readPage([bytes, array], "s").entries;
	assert.equal(entry?.text(), "abc");
	assert.deepEqual(entry?.metadata, { k: "v" });
	assert.equal(entry?.payload.buffer, array.buffer);
	const wrong: [string, PageBytes][] = [
		["no array", bytes],
		["one too many", [bytes, array, array]],
		...Array.from({ length: array.length - 1 }, (_, i): [string, PageBytes] => [
			`${i} bytes of it`,
			[bytes, array.slice(0, i)],
		]),
		["another one", [bytes, new Uint8Array(array.length).fill(255)]],
	];
	for (const [what, answer] of wrong) {
		assert.throws(
			() => readPage(answer, "s"),
			(error) => isStreamkitError(error, "CORRUPT"),
			what,
		);
	}
});

test("the entry of an empty segment", () => {
	const entry = emptyEntry("s", "g");
	assert.equal(entry.id, "0-0");
	assert.equal(entry.sequence, 0);
	assert.equal(entry.payload.length, 0);
	assert.equal(entry.trx.id, "00000000-0000-0000-0000-000000000000");
	assert.equal(entry.text(), "");
	assert.throws(
		() => entry.json(),
		(error) => isStreamkitError(error, "INVALID_ARGUMENT"),
	);
});

test("names and changes", () => {
	assert.deepEqual(readNames(new Uint8Array([1, 2, 0, 0, 0, 1, 0, 0, 0, 97, 2, 0, 0, 0, 195, 169])), {
		more: true,
		names: ["a", "\u00e9"],
	});
	const changes = new DataView(new ArrayBuffer(73));
	for (const [i, value] of [5, 6, 3, 4].entries()) changes.setUint32(8 * i, value, true);
	changes.setUint32(32, 1, true);
	changes.setUint32(36, 1, true);
	changes.setUint8(40, 103);
	for (const [i, value] of [1, 10, 2, 20].entries()) changes.setFloat64(41 + 8 * i, value, true);
	const page = readChanges(new Uint8Array(changes.buffer), "s");
	assert.deepEqual(page, {
		next: { ms: 5, n: 6 },
		trimmed: { ms: 3, n: 4 },
		statuses: [{ space: "s", segment: "g", firstSequence: 1, firstTimestamp: 10, lastSequence: 2, lastTimestamp: 20 }],
	});
});
