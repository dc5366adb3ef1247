import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { type ErrorCode, StreamkitError } from "streamkit";
import type { Context } from "../src/cli/context.js";
import { exitCodeOf } from "../src/cli/exit-codes.js";
import { textAt, valueAt } from "../src/cli/field.js";
import { compareMoments, type Moment, parseMoment } from "../src/cli/moment.js";
import { readLines } from "../src/cli/ndjson.js";
import { openSink } from "../src/cli/output-file.js";
import { printable, size, table } from "../src/cli/terminal.js";
import { duration, integer, names, pair, timestamp } from "../src/cli/values.js";
import { DirectoryHost } from "../src/directory/host.js";
import { LmdbEnvironment, mayHaveRemarked, type Pages } from "../src/directory/lmdb/environment.js";
import { batch, coded, temporaryDirectory } from "./support.js";

async function* pieces(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array, void, void> {
	let from = 0;
	for (const cut of [...cuts, bytes.length].map((at) => Math.min(at, bytes.length)).sort((a, b) => a - b)) {
		yield bytes.subarray(from, cut);
		from = cut;
	}
}

test("lines come out the same however the input is cut", async () => {
	const values = fc.array(fc.jsonValue());
	await fc.assert(
		fc.asyncProperty(values, fc.array(fc.nat(2000)), fc.constantFrom("\n", "\r\n", "\n\n"), async (all, cuts, end) => {
			const text = all.map((value) => JSON.stringify(value) + end).join("");
			const bytes = new TextEncoder().encode(text);
			const read: unknown[] = [];
			let last = 0;
			for await (const lines of readLines(pieces(bytes, cuts))) {
				for (const line of lines) {
					read.push(JSON.parse(JSON.stringify(line.value)));
					assert.ok(line.end > last && line.end <= bytes.length);
					last = line.end;
				}
			}
			assert.deepEqual(read, JSON.parse(JSON.stringify(all)));
		}),
		{ numRuns: 200 },
	);
});

test("an output file takes no other's place that came meanwhile, unless told, and minds no leftovers", async () => {
	const directory = temporaryDirectory();
	const path = join(directory, "file");
	const context = { signal: new AbortController().signal } as Context;
	const left = `file.${process.pid}.partial`;
	writeFileSync(join(directory, left), "left by a process of that number");
	const write = async (replace: boolean): Promise<void> => {
		const sink = await openSink(context, path, replace);
		try {
			await sink.write(new TextEncoder().encode("mine"));
			if (!readdirSync(directory).includes("file")) writeFileSync(path, "theirs");
			await sink.finish();
		} catch (error) {
			await sink.discard();
			throw error;
		}
	};
	await assert.rejects(() => write(false), coded("ALREADY_EXISTS"));
	assert.equal(readFileSync(path, "utf8"), "theirs");
	await write(true);
	assert.equal(readFileSync(path, "utf8"), "mine");
	assert.deepEqual(readdirSync(directory).sort(), ["file", left]);
});

test("LMDB may have remarked on a commit that failed in it, and on none that was refused before", async (t) => {
	const host = new DirectoryHost(temporaryDirectory());
	t.after(() => host.close());
	const refused = async (code: ErrorCode, pages: () => Pages): Promise<void> => {
		const mocked = t.mock.method(LmdbEnvironment.prototype, "pages", pages);
		await assert.rejects(async () => host.commit(batch({ a: "1" }, "strict")), coded(code));
		mocked.mock.restore();
	};
	await refused("QUOTA_EXCEEDED", () => ({ size: 2 ** 50, count: 1 }));
	assert.equal(mayHaveRemarked(), false);
	await refused("QUOTA_EXCEEDED", () => {
		throw Object.assign(new Error("no room"), { code: constants.errno.ENOSPC });
	});
	assert.equal(mayHaveRemarked(), true);
});

test("fields are found by name and by path, and only what is there itself", () => {
	const value = { a: { b: [10, { c: 1 }] }, "a.b": "whole", n: null };
	assert.equal(valueAt(value, "a.b"), "whole");
	assert.equal(valueAt(value, "a.b.1.c"), 1);
	assert.equal(valueAt({ a: { b: [10] } }, "a.b.0"), 10);
	assert.equal(valueAt(value, "n"), null);
	for (const path of ["n.x", "a.c", "constructor", "__proto__.toString", "", "."]) {
		assert.equal(valueAt(value, path), undefined, path);
	}
	assert.equal(valueAt(7, "toFixed"), undefined);
});

test("a field as text is what the line has written, and of two of one name it is the last", () => {
	const at = (text: string, path: string): string | undefined => textAt({ text, value: JSON.parse(text) }, path);
	assert.equal(at('{"n": 9007199254740993 }', "n"), "9007199254740993");
	assert.equal(at('{"n":1.10,"m":-0}', "n"), "1.10");
	assert.equal(at('{"n":1.10,"m":-0}', "m"), "-0");
	assert.equal(at("[ 1e400 , [2,\t3.0] ]", "1.1"), "3.0");
	assert.equal(at('{"a":{"b":1},"a":{ "b" : 2.0 }}', "a.b"), "2.0");
	assert.equal(at('{"a":{"b":1},"a.b":5.0}', "a.b"), "5.0");
	assert.equal(at('{"o":{"x":1,"x":1.10,"t":"]}\\"{"} }', "o"), '{"x":1,"x":1.10,"t":"]}\\"{"}');
	assert.equal(at('{"\\u006f":[true,null],"t":"\\u00e9"}', "o"), "[true,null]");
	assert.equal(at('{"t":"\\u00e9"}', "t"), "\u00e9");
	assert.equal(at('{"__proto__":{"constructor":7.0}}', "__proto__.constructor"), "7.0");
	for (const path of ["length", "0.length", "2", "01"]) assert.equal(at('[[1],"x"]', path), undefined, path);
});

test("a field as text is found wherever it is in JSON of any form", () => {
	fc.assert(
		fc.property(fc.jsonValue(), fc.constantFrom("", " ", "\t"), (json, indent) => {
			const text = JSON.stringify({ before: json, list: [json, json], after: json }, null, indent);
			for (const path of ["before", "list.0", "list.1", "after"]) {
				const found = textAt({ text, value: JSON.parse(text) }, path);
				const parsed: unknown = JSON.parse(text).after;
				if (typeof parsed === "string") assert.equal(found, parsed);
				else assert.deepEqual(JSON.parse(String(found)), parsed);
			}
		}),
	);
});

test("moments are ordered by all their digits", () => {
	const sorted = [
		...["-5", "1969-12-31T23:59:59Z", "0", "1.5", "1.50000000000000000001", "1970-01-01T00:00:00.002Z"],
		...["1700000000.123456788", "1700000000.123456789", "1234567890123456788", "1234567890123456789", "1e300"],
	];
	const moments = sorted.map((text) => parseMoment(text) as Moment);
	assert.equal(compareMoments(moments[4] as Moment, parseMoment("1.500000000000000000010") as Moment), 0);
	assert.deepEqual(moments[0], { at: -5, text: "-5" });
	const order = [...moments].reverse().sort(compareMoments);
	assert.deepEqual(
		order.map(({ text }) => text),
		["1969-12-31T23:59:59Z", "-5", ...sorted.slice(2)],
	);
	for (const text of ["", " ", "soon", "1e400", "2026-02-30"]) assert.equal(parseMoment(text), undefined, text);
});

test("values of options", () => {
	assert.equal(integer("--n")("0012"), 12);
	for (const text of ["", "-1", "1e3", " 1", "0x1"]) assert.throws(() => integer("--n")(text), /^StreamkitError: --n:/);
	assert.throws(
		() => integer("--n")("9007199254740993"),
		/--n: must be a whole number from 0 to 9007199254740991, got/,
	);
	const hours = duration("--h", 3_600_000);
	assert.deepEqual(["0", "0.0", "0.5", "72", "0.0000003"].map(hours), [0, 0, 1_800_000, 259_200_000, 1]);
	for (const text of ["", "-1", "1e3", ".5", "1h"])
		assert.throws(() => hours(text), /--h: must be a number of at least 0/);
	assert.throws(() => hours("99999999999"), /--h: must be a number from 0 to 2501999792, got "99999999999"/);
	assert.throws(() => hours("0.0000001"), /--h: must be 0, or at least a millisecond/);
	assert.equal(timestamp("--t")("1500"), 1500);
	assert.equal(timestamp("--t")("1970-01-01T00:00:01Z"), 1000);
	assert.equal(timestamp("--t")("1970-01-02"), 86_400_000);
	assert.equal(timestamp("--t")("2028-02-29T00:00:00Z"), 1_835_395_200_000);
	const noDays = ["1970-13-01", "2026-02-30", "2026-02-29", "2026-04-31T00:00:00Z", "2026-01-00", "2026-01-32T10:00"];
	for (const text of ["", "now", "-5", ...noDays]) {
		assert.throws(() => timestamp("--t")(text), /^StreamkitError: --t:/);
	}
	assert.deepEqual(names("--s")("a,b"), ["a", "b"]);
	assert.deepEqual(names("--s")("a\\,b,c", ["z"]), ["z", "a,b", "c"]);
	for (const text of ["", ",", "a,", ",a", "a,,b"]) assert.throws(() => names("--s")(text), /^StreamkitError: --s:/);
	assert.deepEqual([...pair("--m")("k=v=w")], [["k", "v=w"]]);
	assert.deepEqual([...pair("--m")("k=")], [["k", ""]]);
	for (const text of ["k", "=v", ""]) assert.throws(() => pair("--m")(text), /^StreamkitError: --m:/);
});

test("exit codes by class of error", () => {
	const error = (code: ConstructorParameters<typeof StreamkitError>[0], options = {}): StreamkitError =>
		new StreamkitError(code, "x", options);
	const expected: [unknown, number][] = [
		[error("NOT_FOUND"), 1],
		[error("INVALID_ARGUMENT"), 2],
		[error("SEQUENCE_MISMATCH"), 3],
		[error("ALREADY_EXISTS"), 3],
		[error("LIMIT_EXCEEDED"), 3],
		[error("CORRUPT"), 3],
		[error("LEASE_LOST"), 3],
		[error("CONFLICT", { retryable: false }), 3],
		[error("CONFLICT"), 4],
		[error("UNAVAILABLE"), 4],
		[error("UNAVAILABLE", { retryable: false }), 5],
		[error("UNAVAILABLE", { cause: Object.assign(new Error("x"), { code: "EIO" }) }), 5],
		[error("QUOTA_EXCEEDED"), 5],
		[Object.assign(new Error("x"), { code: "EACCES", syscall: "open" }), 5],
		[Object.assign(new Error("x"), { code: "ENOENT", syscall: "open" }), 1],
		[new TypeError("x"), 70],
	];
	for (const [value, code] of expected) assert.equal(exitCodeOf(value), code, String(value));
});

test("text for people", () => {
	assert.equal(
		printable("a\u0000\u001b\n\u009b\u2028\ud800b\u{1f600}"),
		"a\\u0000\\u001b\\n\\u009b\\u2028\\ud800b\u{1f600}",
	);
	assert.deepEqual([0, 999, 1000, 12_345, 5e9].map(size), ["0 bytes", "999 bytes", "1.00 KB", "12.3 KB", "5.00 GB"]);
	assert.equal(size(676.47), "676 bytes");
	assert.equal(table(["A", "BB"], [["xyz", "1"]]), "A    BB\nxyz  1\n");
	// Columns of a terminal, not characters: wide ones take two, and what combines with the one before takes none.
	const names = ["\u65e5\u672c", "\u{1f600}", "e\u0301", "\u00e9"];
	const lines = ["A     B", "\u65e5\u672c  1", "\u{1f600}    1", "e\u0301     1", "\u00e9     1", ""];
	assert.equal(
		table(
			["A", "B"],
			names.map((name) => [name, "1"]),
		),
		lines.join("\n"),
	);
	const many = Array.from({ length: 300_000 }, () => ["x", "1"]);
	assert.equal(table(["A", "B"], many).length, 300_001 * "A  B\n".length);
});
