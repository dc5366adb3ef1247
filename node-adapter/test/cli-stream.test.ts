import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DirectoryHost } from "../src/directory/host.js";
import { openDirectory } from "../src/directory/open-directory.js";
import { cli, done, failure, objects } from "./cli-support.js";
import { bytes, temporaryDirectory } from "./support.js";

const fresh = (): string => join(temporaryDirectory(), "store");
const stream = (dir: string, ...args: readonly string[]): string[] => ["stream", ...args, "--dir", dir];
const payloads = (records: readonly { payload?: unknown }[]): unknown[] => records.map(({ payload }) => payload);

/** A directory with a stream "s" of the payloads "1" to the count, each appended by itself; and their ids. */
async function numbered(count: number): Promise<{ dir: string; ids: string[] }> {
	const dir = fresh();
	const store = await openDirectory(dir);
	const ids: string[] = [];
	for (let i = 1; i <= count; i++) ids.push((await store.streams.append("s", String(i))).firstId);
	await store.close();
	return { dir, ids };
}

test("append says where the records are, and read gives them back", async () => {
	const dir = fresh();
	const single = await done(stream(dir, "append", "events", '{"type":"signup"}'));
	const several = await done(stream(dir, "add", "events", "b", "c", "d", "-H", "source=web", "-H", "note=a=b,c"));
	const [, first] = /^Appended at (\d+-\d+)\n$/.exec(single) ?? [];
	const [, second] = /^Appended 3 records starting at (\d+-\d+)\n$/.exec(several) ?? [];
	assert.ok(first !== undefined && second !== undefined, single + several);

	const records = await objects(stream(dir, "read", "events"));
	const [ms, n] = second.split("-").map(Number) as [number, number];
	assert.deepEqual(
		records.map(({ id }) => id),
		[first, second, `${ms}-${n + 1}`, `${ms}-${n + 2}`],
	);
	assert.deepEqual(records[0], {
		id: first,
		timestamp_ms: Number(first.split("-")[0]),
		partition: 0,
		payload: '{"type":"signup"}',
		headers: {},
		tier: "warm",
	});
	assert.deepEqual(payloads(records).slice(1), ["b", "c", "d"]);
	for (const { headers } of records.slice(1)) assert.deepEqual(headers, { source: "web", note: "a=b,c" });

	const text = await done(stream(dir, "get", "events"));
	assert.equal(text.split("\n")[0], `${first} [0]  {"type":"signup"}`);
	assert.equal(text.split("\n")[1], `${second} [0]  b  note=a=b,c source=web`);
});

test("append --json gives the ids; a retry with --trx stores nothing and answers the same", async () => {
	const dir = fresh();
	const args = stream(dir, "append", "s", "a", "b", "--trx", "0198c1d2-7c3a-7b1e-9f00-0123456789ab");
	const [one] = await objects(args);
	assert.deepEqual(Object.keys(one ?? {}), ["stream_id", "first_id", "last_id", "count", "partition"]);
	assert.deepEqual([one?.count, one?.partition, one?.stream_id], [2, 0, one?.first_id]);
	assert.notEqual(one?.first_id, one?.last_id);
	assert.deepEqual(await objects(args), [one]);
	assert.deepEqual(payloads(await objects(stream(dir, "read", "s"))), ["a", "b"]);
});

test("append takes standard input as it is, and what begins with a hyphen after --", async () => {
	const dir = fresh();
	const bytes = Buffer.concat([Buffer.from([0xff]), randomBytes(5000)]);
	await done(stream(dir, "append", "s", "-"), { input: bytes });
	await done(stream(dir, "append", "s"), { input: "two\nlines\n" });
	await done([...stream(dir, "append", "s"), "--", "-5", "--limit"]);
	const [first, ...rest] = await objects(stream(dir, "read", "s"));
	assert.equal(first?.encoding, "base64");
	assert.deepEqual(Buffer.from(String(first?.payload), "base64"), bytes);
	assert.deepEqual(payloads(rest), ["two\nlines\n", "-5", "--limit"]);
	assert.ok(rest.every((record) => !("encoding" in record)));
});

test("partitions by number and by key, for append and for read", async () => {
	const dir = fresh();
	assert.equal(await done(stream(dir, "create", "orders", "--partitions", "4")), "Created stream: orders\n");
	const appends = [
		["zero"],
		["two", "--partition", "2"],
		["alice", "--partition-key", "alice"],
		["alice again", "-k", "alice"],
		["bob", "-k", "bob"],
	];
	const chosen: unknown[] = [];
	for (const args of appends) {
		chosen.push((await objects(stream(dir, "append", "orders", ...args)))[0]?.partition);
	}
	assert.deepEqual(chosen, [0, 2, 1, 1, 2]);
	const reads = await Promise.all(
		[[], ["--partition", "1"], ["-P", "3"], ["--partition-key", "alice"], ["-k", "bob"]].map((args) =>
			objects(stream(dir, "read", "orders", ...args)),
		),
	);
	assert.deepEqual(reads.map(payloads), [
		["zero", "two", "alice", "alice again", "bob"],
		["alice", "alice again"],
		[],
		["alice", "alice again"],
		["two", "bob"],
	]);
	assert.deepEqual(reads[1]?.[0]?.headers, { "partition-key": "alice" });
});

test("append refuses what breaks a rule, and leaves nothing", async () => {
	const dir = fresh();
	const cases: [string[], RegExp][] = [
		[["", "x"], /^stream: must not be empty$/],
		[["s", "x", "-H", "novalue"], /^--header: must be NAME=VALUE/],
		[["s", "x", "-H", "a=1", "-H", "a=2"], /^--header: "a" is given twice/],
		[["s", "x", "-H", "partition-key=k"], /^--header\["partition-key"\]: .* by --partition-key alone$/],
		[["s", "x", "--partition", "one"], /^--partition:/],
		[["s", "x", "--partition", "1"], /^--partition: must be from 0 to 0/],
		[["s", "x", "--partition", "1", "--partition-key", "k"], /cannot be used with/],
		[["s", "x", "--partition-key", ""], /^--partition-key: must be a string that is not empty$/],
		[["s", "x", "-", "y"], /^payload: - is standard input/],
		[["s", "x", "--trx", "no"], /^--trx: must be a UUID/],
		[["s", "x", "-n", "9"], /^--namespace: must be a letter/],
	];
	await Promise.all(
		cases.map(async ([args, message]) => {
			const error = await failure(2, stream(dir, "append", ...args));
			assert.equal(error.code, "INVALID_ARGUMENT");
			assert.match(error.message, message);
		}),
	);
	const { code, stdout, stderr } = await cli(stream(dir, "ls"));
	// The first of them may have made the store.
	assert.deepEqual([stdout, code], ["", existsSync(dir) ? 0 : 1], stderr);
});

test("read by ids, with a limit, and to an end", async () => {
	const { dir, ids } = await numbered(12);
	const at = (i: number): string => ids[i] ?? "";
	const all = Array.from({ length: 12 }, (_, i) => String(i + 1));
	const cases: [string[], string[]][] = [
		[[], all.slice(0, 10)],
		[["--start", "0-0", "--limit", "1000"], all],
		[["--limit", "2"], all.slice(0, 2)],
		[["--start", at(3)], all.slice(3)],
		[["--after", at(3)], all.slice(4)],
		[["-s", at(3), "-e", at(5)], all.slice(3, 6)],
		[["--end", at(0).split("-")[0] ?? ""], all.filter((_, i) => at(i).split("-")[0] === at(0).split("-")[0])],
		[["--start", "$"], []],
		[["--after", at(11)], []],
	];
	const found = await Promise.all(cases.map(([args]) => objects(stream(dir, "read", "s", ...args))));
	assert.deepEqual(
		found.map(payloads),
		cases.map(([, expected]) => expected),
	);
});

test("read of nothing is done and says so beside the output", async () => {
	const { dir } = await numbered(1);
	for (const args of [
		["read", "missing"],
		["read", "s", "--start", "$", "--block", "1"],
	]) {
		const { code, stdout, stderr } = await cli(stream(dir, ...args));
		assert.deepEqual([code, stdout, stderr], [0, "", "No records\n"]);
	}
	const { code, stdout, stderr } = await cli(stream(dir, "read", "missing", "--json"));
	assert.deepEqual([code, stdout, stderr], [0, "", ""]);
});

test("read refuses what breaks a rule", async () => {
	const { dir, ids } = await numbered(1);
	const id = ids[0] ?? "";
	const cases: [string[], RegExp][] = [
		[["--start", "yesterday"], /^--start: must be an id/],
		[["--end", "$"], /^--end: must be an id/],
		[["--after", "5"], /^--after: must be an id/],
		[["--start", id, "--after", id], /cannot be used with/],
		[["--limit", "0"], /^--limit: must be a whole number from 1 to 1000/],
		[["--limit", "1001"], /^--limit: must be a whole number from 1 to 1000/],
		[["--block", "-1"], /^--block: must be/],
		[["--follow", "--block", "5"], /^--block: --follow waits by itself/],
		[["--partition", "1"], /^--partition: must be from 0 to 0/],
	];
	await Promise.all(
		cases.map(async ([args, message]) => {
			const error = await failure(2, stream(dir, "read", "s", ...args));
			assert.equal(error.code, "INVALID_ARGUMENT");
			assert.match(error.message, message);
		}),
	);
});

test("create, info, ls, alter and delete", async () => {
	const dir = fresh();
	const args = ["create", "a", "-p", "3", "--retention", "72", "--retention-count", "100"];
	const [created] = await objects(stream(dir, ...args, "--retention-bytes", "1000000"));
	assert.deepEqual(created?.retention, { age_s: 259_200, count: 100, bytes: 1_000_000 });
	assert.deepEqual(
		[created?.name, created?.namespace, created?.partitions, created?.status],
		[...["a", "default", 3, "created"]],
	);
	await done(stream(dir, "append", "b", "hello", "you"));
	await done(stream(dir, "append", "a", "x", "-H", "k=v", "--partition", "2"));

	const [info] = await objects(stream(dir, "info", "a"));
	assert.deepEqual([info?.message_count, info?.size_bytes, info?.first_id], [1, 3, info?.last_id]);
	const text = await done(stream(dir, "info", "a"));
	for (const line of [
		/^Stream: +a$/,
		/^Namespace: +default$/,
		/^Partitions: +3$/,
		/^Records: +1$/,
		/^Size: +3 bytes$/,
	]) {
		assert.match(text, new RegExp(line.source, "m"));
	}
	assert.match(text, /^Retention: +72 hours, 100 records, 1.00 MB$/m);
	assert.match(await done(stream(dir, "info", "b")), /^Retention: +everything is kept$/m);

	assert.equal(
		await done(stream(dir, "ls")),
		"NAME  PARTITIONS  RECORDS  SIZE\na     3           1        3 bytes\nb     1           2        8 bytes\n",
	);
	assert.deepEqual(
		(await objects(stream(dir, "list", "--limit", "1", "--after", "a"))).map(({ name, message_count }) => [
			name,
			message_count,
		]),
		[["b", 2]],
	);

	const [altered] = await objects(stream(dir, "alter", "a", "--retention", "0.5", "--retention-bytes", "0"));
	assert.deepEqual(altered?.retention, { age_s: 1800, count: 100 });
	assert.equal(await done(stream(dir, "alter", "a", "-r", "0", "--retention-count", "0")), "Altered stream: a\n");
	assert.ok(!("retention" in ((await objects(stream(dir, "info", "a")))[0] ?? {})));

	const refused = await failure(3, stream(dir, "delete", "a"));
	assert.equal(refused.code, "NOT_EMPTY");
	assert.match(refused.message, /^stream: the stream "a" holds a record: only --force deletes it$/);
	assert.equal(await done(stream(dir, "delete", "a", "--force")), "Deleted stream: a\n");
	assert.deepEqual(await objects(stream(dir, "rm", "a")), [{ name: "a", status: "deleted" }]);
	assert.deepEqual(payloads(await objects(stream(dir, "read", "a"))), []);
	await done(stream(dir, "rm", "b", "-f"));
	await done(["publish", "plain", "x", "y", "--dir", dir]);
	assert.equal((await failure(1, stream(dir, "delete", "plain", "--force"))).code, "NOT_FOUND");
	assert.deepEqual(payloads(await objects(stream(dir, "read", "plain"))), ["y"]);
	const none = await cli(stream(dir, "ls"));
	assert.deepEqual([none.code, none.stdout, none.stderr], [0, "", "No streams found in namespace 'default'\n"]);
	assert.deepEqual(await objects(stream(dir, "ls")), []);
});

test("the verbs of a stream's life refuse what breaks a rule, with their exit codes", async () => {
	const { dir } = await numbered(1);
	const missing = fresh();
	const cases: [number, string, string[], RegExp][] = [
		[3, "ALREADY_EXISTS", stream(dir, "create", "s"), /there is a stream "s" already/],
		[2, "INVALID_ARGUMENT", stream(dir, "create", "t", "--partitions", "0"), /^--partitions: .* from 1 to 65536/],
		[2, "INVALID_ARGUMENT", stream(dir, "create", "t", "--retention", "-1"), /^--retention: must be a number/],
		[2, "INVALID_ARGUMENT", stream(dir, "create", "t", "--retention", "7d"), /^--retention: must be a number/],
		[2, "INVALID_ARGUMENT", stream(dir, "create", "t", "--retention-count", "x"), /^--retention-count: must be/],
		[2, "INVALID_ARGUMENT", stream(dir, "alter", "s"), /^--retention: give one of/],
		[1, "NOT_FOUND", stream(dir, "alter", "t", "--retention", "1"), /"t"/],
		[1, "NOT_FOUND", stream(dir, "info", "t"), /"t"/],
		[1, "NOT_FOUND", stream(dir, "trim", "t", "--maxlen", "1"), /"t"/],
		...["ls", "info s", "read s", "read s --follow", "delete s", "trim s --maxlen 1", "alter s -r 1"].map(
			(verb): [number, string, string[], RegExp] => [
				...([1, "NOT_FOUND", stream(missing, ...verb.split(" ")), /there is no store/] as const),
			],
		),
	];
	await Promise.all(
		cases.map(async ([exitCode, code, args, message]) => {
			const error = await failure(exitCode, args);
			assert.equal(error.code, code, args.join(" "));
			assert.match(error.message, message);
		}),
	);
	assert.equal(existsSync(missing), false);
	assert.deepEqual(
		(await objects(stream(dir, "ls"))).map(({ name }) => name),
		["s"],
	);
});

test("trim by each bound, and as a dry run", async () => {
	const { dir, ids } = await numbered(10);
	const left = async (): Promise<unknown[]> => payloads(await objects(stream(dir, "read", "s")));
	assert.equal(await done(stream(dir, "trim", "s", "--maxlen", "4", "--dry-run")), "Would trim 6 records (dry run)\n");
	assert.equal((await left()).length, 10);
	const [dry] = await objects(stream(dir, "trim", "s", "--before", ids[2] ?? "", "--dry-run"));
	assert.deepEqual(dry, { status: "dry_run", trimmed: 2, first_id: ids[2] });
	assert.equal(await done(stream(dir, "trim", "s", "--before", ids[2] ?? "")), "Trimmed 2 records\n");
	assert.deepEqual((await left())[0], "3");
	const [second] = await objects(stream(dir, "trim", "s", "--maxlen", "4"));
	assert.deepEqual(second, { status: "ok", trimmed: 4, first_id: ids[6] });
	assert.equal(await done(stream(dir, "trim", "s", "--maxbytes", "3")), "Trimmed 2 records\n");
	assert.deepEqual(await left(), ["9", "10"]);
	assert.equal(await done(stream(dir, "trim", "s", "--maxage", "3600")), "Trimmed 0 records\n");
	// Seconds: by now they are older than a thousandth of one.
	const [last] = await objects(stream(dir, "trim", "s", "--maxage", "0.001"));
	assert.deepEqual(last, { status: "ok", trimmed: 2, first_id: "0-0" });
	assert.deepEqual(await left(), []);
});

test("what a call deletes or trims is off the disk once it has ended", async () => {
	const { dir } = await numbered(20);
	const rows = async (): Promise<number> => {
		const host = new DirectoryHost(dir);
		const { keys } = host.scan({ start: bytes("DAT\0"), end: bytes("DAT\u0001"), limit: 100 });
		await host.close();
		return keys.length;
	};
	assert.equal(await rows(), 40);
	await done(stream(dir, "trim", "s", "--maxlen", "5"));
	assert.equal(await rows(), 10);
	await done(stream(dir, "delete", "s", "--force"));
	assert.equal(await rows(), 0);
});

test("trim takes exactly one bound, above zero", async () => {
	const { dir } = await numbered(2);
	const cases: [string[], RegExp][] = [
		[[], /^--maxlen, --before, --maxage, --maxbytes: give exactly one/],
		[["--maxlen", "1", "--maxbytes", "1"], /give exactly one/],
		[["--maxlen", "0"], /^--maxlen: must be a whole number of at least 1/],
		[["--maxbytes", "0"], /^--maxbytes:/],
		[["--maxage", "0"], /^--maxage: must be above 0/],
		[["--before", "0-0"], /^--before:/],
		[["--before", "soon"], /^--before:/],
	];
	await Promise.all(
		cases.map(async ([args, message]) => {
			assert.match((await failure(2, stream(dir, "trim", "s", ...args))).message, message);
		}),
	);
	assert.deepEqual(payloads(await objects(stream(dir, "read", "s"))), ["1", "2"]);
});
