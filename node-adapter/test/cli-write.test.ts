import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { cli, done, failure, objects } from "./cli-support.js";
import { temporaryDirectory } from "./support.js";

const fresh = (): string => join(temporaryDirectory(), "store");
const lines = (values: readonly unknown[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join("");

test("publish appends a text with metadata and says where it went", async () => {
	const dir = fresh();
	const text = await done([
		...["publish", "orders", "order-1", "placed", "-m", "user=ann", "--metadata", "note=a=b", "--dir", dir],
	]);
	assert.match(text, /^orders\/order-1 #1 at \d{4}-\d\d-\d\dT[\d:.]+Z\n$/);
	const [status] = await objects(["publish", "orders", "order-1", "", "--dir", dir]);
	assert.deepEqual(Object.keys(status ?? {}), [
		...["space", "segment", "firstSequence", "firstTimestamp", "lastSequence", "lastTimestamp"],
	]);
	assert.equal(status?.lastSequence, 2);
	const entries = await objects(["consume", "orders", "order-1", "--dir", dir]);
	assert.deepEqual(
		entries.map(({ payload, metadata }) => [payload, metadata]),
		[
			["placed", { user: "ann", note: "a=b" }],
			["", {}],
		],
	);
});

test("publish takes the bytes of standard input as they are", async () => {
	const dir = fresh();
	const bytes = randomBytes(100_000);
	await done(["publish", "photos", "a", "-", "--dir", dir], { input: bytes });
	await done(["publish", "photos", "a", "--dir", dir], { input: "two\nlines\n" });
	const [first, second] = await objects(["consume", "photos", "a", "--dir", dir]);
	assert.equal(first?.encoding, "base64");
	assert.deepEqual(Buffer.from(String(first?.payload), "base64"), bytes);
	assert.deepEqual([second?.encoding, second?.payload], ["utf8", "two\nlines\n"]);
});

test("publish with --expected is refused when the segment is elsewhere", async () => {
	const dir = fresh();
	await done(["publish", "s", "a", "1", "--expected", "0", "--dir", dir]);
	const error = await failure(3, ["publish", "s", "a", "x", "--expected", "0", "--dir", dir]);
	assert.equal(error.code, "SEQUENCE_MISMATCH");
	assert.deepEqual([error.details.expected, error.details.actual], [1, 2]);
	const people = await cli(["publish", "s", "a", "x", "-e", "7", "--dir", dir]);
	assert.equal(people.code, 3);
	assert.match(people.stderr, /^error: .*\(SEQUENCE_MISMATCH\)\n$/);
	assert.equal(people.stdout, "");
	await done(["publish", "s", "a", "2", "--expected", "1", "--dir", dir]);
});

test("publish with --trx stores a retry once", async () => {
	const dir = fresh();
	const args = ["publish", "s", "a", "once", "--trx", "0198C1D2-7c3a-7b1e-9f00-0123456789ab", "--dir", dir];
	const first = await objects(args);
	await done(["publish", "s", "a", "another", "--dir", dir]);
	assert.deepEqual(await objects(args), first);
	assert.equal((await objects(["consume", "s", "a", "--dir", dir])).length, 2);
	const error = await failure(2, ["publish", "s", "a", "x", "--trx", "no", "--dir", dir]);
	assert.match(error.message, /^--trx: must be a UUID/);
	assert.deepEqual(error.details, { argument: "--trx" });
});

test("publish takes a payload that begins with a hyphen after --", async () => {
	const dir = fresh();
	await done(["publish", "s", "a", "--dir", dir, "--", "-5"]);
	assert.equal((await objects(["peek", "s", "a", "--dir", dir]))[0]?.payload, "-5");
});

test("publish refuses what the store cannot take, and names the rule", async () => {
	const dir = fresh();
	assert.match((await failure(2, ["publish", "", "a", "x", "--dir", dir])).message, /^space:/);
	assert.match((await failure(2, ["publish", "s", "a\u0001", "x", "--dir", dir])).message, /^segment:/);
	assert.match((await failure(2, ["publish", "s", "x".repeat(129), "x", "--dir", dir])).message, /^segment:.*128/);
	assert.match((await failure(2, ["publish", "s", "a", "x", "-m", "novalue", "--dir", dir])).message, /^--metadata:/);
	assert.match((await failure(2, ["publish", "s", "a", "x", "-m", "a=1", "-m", "a=2", "--dir", dir])).message, /twice/);
	for (const value of ["-1", "1.5", "x", "", "9007199254740992"]) {
		const error = await failure(2, ["publish", "s", "a", "x", "--expected", value, "--dir", dir]);
		assert.match(error.message, /^--expected:/);
	}
	const large = await failure(3, ["publish", "s", "a", "-", "--dir", dir], { input: Buffer.alloc(80 << 20) });
	assert.equal(large.code, "LIMIT_EXCEEDED");
	assert.equal((await cli(["spaces", "--dir", dir])).stdout, "");
});

test("produce keeps the lines as they are, in order", async () => {
	const dir = fresh();
	const input = '\ufeff{"a": 1}\r\n\n  \n[1,2]\n"text"\n{"big":12345678901234567890}';
	const text = await done(["produce", "logs", "web", "--dir", dir, "-m", "from=test"], { input });
	assert.match(text, /^4 entries in 1 segment, \d+ bytes in [\d.]+ s \([\d,]+ entries\/s, .*\/s\)\n$/);
	const entries = await objects(["consume", "logs", "web", "--dir", dir]);
	assert.deepEqual(
		entries.map(({ payload }) => payload),
		['{"a": 1}', "[1,2]", '"text"', '{"big":12345678901234567890}'],
	);
	assert.deepEqual(entries[3]?.metadata, { from: "test" });
});

test("produce takes segment, payload and metadata from fields, and keeps the order of the input in the space", async () => {
	const dir = fresh();
	const file = join(temporaryDirectory(), "input.ndjson");
	const values = Array.from({ length: 1000 }, (_, i) => ({
		who: { net: `n${(i * 7) % 13}`, "dotted.name": i },
		list: [i, { deep: `d${i}` }],
		body: i % 2 === 0 ? `text ${i}` : { i },
		nothing: null,
	}));
	writeFileSync(file, lines(values));
	const [report] = await objects([
		...["produce", "quakes", "--file", file, "--segment-by", "who.net", "--payload-by", "body"],
		...["--metadata-by", "deep=list.1.deep,who.dotted.name", "--metadata-by", "nothing,missing", "--dir", dir],
	]);
	assert.deepEqual([report?.entries, report?.segments, report?.space], [1000, 13, "quakes"]);
	assert.equal(report?.bytes, Buffer.byteLength(lines(values)));
	const entries = await objects(["consume", "quakes", "--dir", dir]);
	assert.deepEqual(
		entries.map(({ segment, payload, metadata }) => ({ segment, payload, metadata })),
		values.map(({ who, body }, i) => ({
			segment: who.net,
			payload: typeof body === "string" ? body : JSON.stringify(body),
			metadata: { deep: `d${i}` },
		})),
	);
});

test("produce --any-order keeps the order within each segment", async () => {
	const dir = fresh();
	const values = Array.from({ length: 3000 }, (_, i) => ({ s: `s${(i * i) % 11}`, i }));
	const args = ["produce", "s", "--segment-by", "s", "--any-order", "--payload-by", "i", "--dir", dir];
	const [report] = await objects(args, { input: lines(values) });
	assert.equal(report?.entries, 3000);
	const read = new Map<unknown, unknown[]>();
	for (const { segment, payload } of await objects(["consume", "s", "--dir", dir])) {
		read.set(segment, [...(read.get(segment) ?? []), Number(payload)]);
	}
	for (const [segment, numbers] of read) {
		assert.deepEqual(
			numbers,
			values.filter(({ s }) => s === segment).map(({ i }) => i),
		);
	}
	assert.match((await failure(2, [...args, "--time-by", "i"])).message, /^--any-order:/);
});

test("produce --time-by orders the input and keeps the time", async () => {
	const dir = fresh();
	const values = [
		{ at: 30, n: "a" },
		{ at: 10, n: "b" },
		{ at: "20", n: "c" },
		{ at: 10, n: "d" },
		{ at: "1970-01-01T00:00:00.015Z", n: "e" },
	];
	await done(["produce", "s", "--segment-by", "n", "--time-by", "at", "--dir", dir], { input: lines(values) });
	const entries = await objects(["consume", "s", "--dir", dir]);
	assert.deepEqual(
		entries.map(({ segment, metadata }) => [segment, (metadata as { time: string }).time]),
		[
			["b", "10"],
			["d", "10"],
			["e", "1970-01-01T00:00:00.015Z"],
			["c", "20"],
			["a", "30"],
		],
	);
	const bad = await failure(2, ["produce", "s", "a", "--time-by", "at", "--dir", dir], { input: '{"at":"soon"}' });
	assert.match(bad.message, /^--time-by: line 1:/);
	const noDay = { input: '{"at":"2026-02-30"}' };
	assert.match((await failure(2, ["produce", "s", "a", "--time-by", "at", "--dir", dir], noDay)).message, /line 1:/);
});

test("produce keeps what fields hold as it is written: large numbers, fractions, members of one name", async () => {
	const dir = fresh();
	const ids = ["1234567890123456789", "1234567890123456788"];
	const input = ids.map((id) => `{"id": ${id}, "o": {"a": 1.10, "a": 9007199254740993}, "f": 1.0}\n`).join("");
	await done(
		[
			...["produce", "snow", "--segment-by", "id", "--payload-by", "o", "--metadata-by", "f,a=o.a", "--time-by", "id"],
			...["--dir", dir],
		],
		{ input },
	);
	const entries = await objects(["consume", "snow", "--dir", dir]);
	assert.deepEqual(
		entries.map(({ segment, payload, metadata }) => [segment, payload, metadata]),
		[...ids]
			.reverse()
			.map((id) => [id, '{"a": 1.10, "a": 9007199254740993}', { f: "1.0", a: "9007199254740993", time: id }]),
	);
});

test("produce stores what comes before a line at fault, and names the line", async () => {
	const dir = fresh();
	const cases: [string | Uint8Array, RegExp][] = [
		['{"s":"a"}\n{"s":"b"}\n{"s":}\n{"s":"c"}\n', /^line 3: is not JSON/],
		[
			Buffer.concat([Buffer.from('{"s":"a"}\n{"s":"b"}\n"'), Buffer.from([0xff, 0x22, 0x0a])]),
			/^line 3: is not valid UTF-8/,
		],
		['{"s":"a"}\n{"s":"b"}\n{"t":"c"}\n', /^--segment-by: line 3 has no field "s"/],
		['{"s":"a"}\n{"s":"b"}\n{"s":["c"]}\n', /^--segment-by: line 3: "s" is no text or number;/],
		['{"s":"a"}\n{"s":"b"}\n{"s":true}\n', /^--segment-by: line 3: "s" is no text or number;/],
		['{"s":"a"}\n{"s":"b"}\n{"s":"c\\u0001"}\n{"s":"d"}\n', /^line 3: segment:/],
		['{"s":"a"}\n{"s":"b"}\n{"s":""}\n{"s":"d"}\n', /^line 3: segment:/],
	];
	let stored = 0;
	for (const [input, message] of cases) {
		const error = await failure(2, ["produce", "s", "--segment-by", "s", "--dir", dir], { input });
		assert.match(error.message, message);
		assert.match(error.message, /; 2 entries were stored before$/);
		assert.deepEqual([error.details.line, error.details.stored], [3, 2]);
		stored += 2;
		const entries = await objects(["consume", "s", "--dir", dir]);
		assert.equal(entries.length, stored, String(message));
		assert.deepEqual(new Set(entries.map(({ segment }) => segment)), new Set(["a", "b"]));
	}
});

test("produce says how much it stored before a line at fault, whatever is wrong with it", async () => {
	const cases: [args: string[], input: string, message: RegExp][] = [
		[[], '{"n":1}\n{"n":\n', /^line 2: is not JSON: .*; 1 entry was stored before$/],
		[[], "{\n", /^line 1: is not JSON: .*; 0 entries were stored before$/],
		[["--payload-by", "n"], '{"n":1}\n{"m":1}\n', /^--payload-by: line 2 .*; 1 entry was stored before$/],
		[["--payload-by", "n"], '{"n":1}\n{"n":"\\ud800"}\n', /^line 2: payload: .*; 1 entry was stored before$/],
		[["--time-by", "t"], '{"t":1}\n{"n":1}\n', /^--time-by: line 2 .*; 0 entries were stored before$/],
		[["--time-by", "t"], '{"t":1}\n{"t":\n', /^line 2: is not JSON: .*; 0 entries were stored before$/],
		[["--time-by", "t", "--payload-by", "n"], '{"t":2}\n{"t":1,"n":1}\n', /line 1 .*; 1 entry was stored before$/],
	];
	for (const [args, input, message] of cases) {
		const dir = fresh();
		const error = await failure(2, ["produce", "s", "a", ...args, "--dir", dir], { input });
		assert.match(error.message, message);
		const stored = existsSync(dir) ? (await objects(["consume", "s", "--dir", dir])).length : 0;
		assert.equal(error.details.stored, stored);
	}
});

test("of two lines at fault, produce names the first, though the store is what refuses it", async () => {
	const input = `{"s":"a"}\n{"s":""}\n{"s":"b"}\n{"s":\n`;
	const error = await failure(2, ["produce", "s", "--segment-by", "s", "--dir", fresh()], { input });
	assert.match(error.message, /^line 2: segment: .*; 1 entry was stored before$/);
	assert.deepEqual([error.details.line, error.details.stored], [2, 1]);
});

test("produce wants one way to name the segment, and a file that is there", async () => {
	const dir = fresh();
	assert.match((await failure(2, ["produce", "s", "--dir", dir])).message, /^segment:/);
	assert.match((await failure(2, ["produce", "s", "a", "--segment-by", "b", "--dir", dir])).message, /^segment:/);
	assert.equal((await failure(1, ["produce", "s", "a", "--file", join(dir, "no"), "--dir", dir])).code, "NOT_FOUND");
	assert.match((await failure(2, ["produce", "s", "a", "--file", "/", "--dir", dir])).message, /directory/);
	const twice = ["produce", "s", "a", "--metadata-by", "x,x", "--dir", dir];
	assert.match((await failure(2, twice)).message, /two values/);
	assert.match(
		(await failure(2, ["produce", "s", "a", "--metadata-by", "a,,b", "--dir", dir])).message,
		/--metadata-by/,
	);
	for (const option of ["--segment-by", "--payload-by", "--time-by"]) {
		const segment = option === "--segment-by" ? [] : ["a"];
		const { message } = await failure(2, ["produce", "s", ...segment, option, "", "--dir", dir]);
		assert.equal(message, `${option}: must be the name of a field`);
	}
	assert.equal(existsSync(dir), false);
	const [nothing] = await objects(["produce", "s", "a", "--dir", dir], { input: "" });
	assert.equal(nothing?.entries, 0);
});

test("produce stores a slow input as it comes", async () => {
	const dir = fresh();
	await done(["publish", "s", "a", "first", "--dir", dir]);
	let stop: () => void = () => {};
	const producing = cli(["produce", "s", "a", "--dir", dir], {
		keepInput: true,
		onStart: (child) => {
			child.stdin?.write('{"n":1}\n');
			stop = () => child.stdin?.end('{"n":2}\n');
		},
	});
	await done(["consume", "s", "a", "--follow", "--limit", "2", "--dir", dir]);
	stop();
	assert.match((await producing).stdout, /^2 entries/);
	assert.equal((await objects(["consume", "s", "a", "--dir", dir])).length, 3);
});

test("produce holds little of a long input in memory", async () => {
	const dir = fresh();
	const file = join(temporaryDirectory(), "long.ndjson");
	const line = `{"n":"${"x".repeat(990)}"}\n`;
	writeFileSync(file, line.repeat(60_000));
	const limits = { NODE_OPTIONS: "--max-old-space-size=48" };
	const [report] = await objects(["produce", "s", "a", "-f", file, "--durability", "relaxed", "--dir", dir], {
		env: limits,
	});
	assert.equal(report?.entries, 60_000);
	let read = 0;
	const { code } = await cli(["consume", "s", "--json", "--dir", dir], {
		env: limits,
		onLine: () => {
			read += 1;
		},
	});
	assert.deepEqual([code, read], [0, 60_000]);
});
