import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { cli, done, failure, parseLines } from "./cli-support.js";
import { temporaryDirectory } from "./support.js";

const fresh = (): string => join(temporaryDirectory(), "store");
const group = (dir: string, verb: string, ...args: readonly string[]): string[] => [
	...["stream", "group", verb, ...args, "--dir", dir],
];

/** What the program printed, with any names. */
async function printed(args: readonly string[]): Promise<Record<string, unknown>[]> {
	return parseLines(await done([...args, "--json"])) as Record<string, unknown>[];
}

/** A directory with a stream "s" of records "a" to "d". */
async function stream(): Promise<string> {
	const dir = fresh();
	await done(["stream", "append", "s", "a", "b", "c", "d", "--dir", dir]);
	return dir;
}

test("create, join, read, ack, leave and delete, with arguments and with options", async () => {
	const dir = await stream();
	assert.equal(
		await done(group(dir, "create", "s", "--group", "g", "--ack-timeout", "60000")),
		"Created consumer group 'g' on stream 's' (mode: shared)\n",
	);
	assert.equal((await failure(3, group(dir, "create", "s", "g"))).code, "ALREADY_EXISTS");
	assert.equal(await done(group(dir, "join", "s", "g", "w1")), "Joined group 'g' as consumer 'w1'\n");
	const taken = await printed(group(dir, "read", "s", "--group", "g", "--consumer", "w1", "--limit", "3"));
	assert.deepEqual(
		taken.map(({ payload, delivery_count, stream: of }) => [payload, delivery_count, of]),
		["a", "b", "c"].map((payload) => [payload, 1, "s"]),
	);
	assert.deepEqual(Object.keys(taken[0] ?? {}), [
		...["id", "timestamp_ms", "partition", "payload", "headers", "tier", "stream", "delivery_count", "deadline_ms"],
	]);
	const [a, b, c] = taken.map(({ id }) => String(id)) as [string, string, string];
	assert.equal(await done(group(dir, "ack", "s", "g", "w1", "--ids", `${a},${b}`)), "Acknowledged 2 records\n");
	assert.equal(
		await done(group(dir, "ack", "s", "g", "w1", "--ids", a, "--ids", c)),
		"Acknowledged 1 record; not pending for this consumer: 1\n",
	);
	const text = await done(group(dir, "read", "s", "g", "w1"));
	assert.match(text, /^\d+-\d+ \[0\] {2}d\n$/);
	for (const consumer of ["w1", "nobody"]) {
		assert.equal(await done(group(dir, "leave", "s", "g", consumer)), `Consumer '${consumer}' is out of group 'g'\n`);
	}
	assert.equal(await done(group(dir, "delete", "s", "g")), "Deleted consumer group 'g' from stream 's'\n");
	assert.equal((await failure(1, group(dir, "delete", "s", "g"))).code, "NOT_FOUND");
});

test("what is given back comes again, and after the last attempt goes to the dead letters and back", async () => {
	const dir = await stream();
	await done(group(dir, "create", "s", "g", "--ack-timeout", "60000", "--max-deliver", "2"));
	const [first] = await printed(group(dir, "read", "s", "g", "w1", "--limit", "1"));
	const id = String(first?.["id"]);
	const [pending] = await printed(group(dir, "pending", "s", "g"));
	assert.deepEqual([pending?.["id"], pending?.["consumer"], pending?.["delivery_count"]], [id, "w1", 1]);
	assert.match(await done(group(dir, "pending", "s", "g", "--consumer", "w1")), /^ID +CONSUMER +ATTEMPTS/);
	assert.equal(
		await done(group(dir, "touch", "s", "g", "w1", "--ids", id, "--extend", "900000")),
		"Extended 1 record\n",
	);
	const [later] = await printed(group(dir, "pending", "s", "g"));
	assert.ok(Number(later?.["deadline_ms"]) > Number(pending?.["deadline_ms"]));
	assert.equal(await done(group(dir, "nack", "s", "g", "w1", "--ids", id)), "Gave back 1 record\n");
	assert.equal(await done(group(dir, "read", "s", "g", "w2", "--limit", "1")), `${id} [0]  attempt 2  a\n`);
	await done(group(dir, "nack", "s", "g", "w2", "--ids", id));
	const [info] = await printed(["stream", "info", "s.g.dlq", "--dir", dir]);
	assert.equal(info?.["message_count"], 1);
	assert.equal(await done(group(dir, "replay", "s", "g", "--limit", "5")), "Replayed 1 record\n");
	const rest = await printed(group(dir, "read", "s", "g", "w2", "--no-ack"));
	assert.deepEqual(
		rest.map(({ payload }) => payload),
		["b", "c", "d", "a"],
	);
	assert.deepEqual(await printed(group(dir, "pending", "s", "g")), []);
	const none = await cli(group(dir, "read", "s", "g", "w2", "--block", "10"));
	assert.deepEqual([none.code, none.stdout, none.stderr], [0, "", "No records\n"]);
	const delayed = await printed(["stream", "append", "s", "e", "--dir", dir]);
	await done(group(dir, "read", "s", "g", "w1"));
	await done(group(dir, "nack", "s", "g", "w1", "--ids", String(delayed[0]?.["first_id"]), "--delay", "900000"));
	assert.deepEqual(await printed(group(dir, "read", "s", "g", "w1")), []);
});

test("what the store refuses is told in the words of the command line", async () => {
	const dir = await stream();
	await done(group(dir, "create", "s", "g"));
	const cases: [exitCode: number, args: string[], message: RegExp][] = [
		[2, group(dir, "create", "s", "h", "--mode", "key_shared", "--slots", "0"), /^--slots: must be/],
		[2, group(dir, "create", "s", "h", "--consumer-timeout", "0"), /^--consumer-timeout: /],
		[2, group(dir, "create", "s", "h", "--dead-letter-stream", "s"), /^--dead-letter-stream: must not be the stream/],
		[2, group(dir, "create", "s", "h".repeat(126)), /^--dead-letter-stream: must be given, for the default "s\.h/],
		[2, group(dir, "create", "s", "maxDeliver\u0001"), /^group: must not hold control characters/],
		[2, group(dir, "ack", "s", "g", "w", "--ids", "1-0,x"), /^--ids\[1\]: must be an id/],
		[2, group(dir, "pending", "s", "g", "--after", "x"), /^--after: must be an id/],
		[1, group(dir, "info", "s", "ackTimeout"), /^group: "s" has no group "ackTimeout"$/],
		[1, group(dir, "info", "s", 'a"ackTimeout'), /has no group "a"ackTimeout"$/],
	];
	for (const [exitCode, args, message] of cases) {
		const error = await failure(exitCode, args);
		assert.match(error.message, message);
		const { argument } = error.details as { argument?: string };
		assert.ok(argument === undefined || error.message.startsWith(`${argument}: `), argument);
	}
});

test("info says who is there and what is left; a group with one holder refuses others with 3", async () => {
	const dir = await stream();
	await done(group(dir, "create", "s", "solo", "--mode", "exclusive", "--max-standbys", "0", "--start", "$"));
	await done(group(dir, "join", "s", "solo", "a"));
	assert.equal((await failure(3, group(dir, "join", "s", "solo", "b"))).code, "GROUP_LOCKED");
	const [info] = await printed(group(dir, "info", "s", "solo"));
	assert.deepEqual([info?.["mode"], info?.["members"], info?.["pending"], info?.["lag"]], ["exclusive", 1, 0, 0]);
	const text = await done(group(dir, "info", "s", "--group", "solo"));
	assert.match(text, /^Consumer group: s\/solo\nMode: +exclusive\nMembers: +1\n/);
	assert.match(text, /^a +yes +0$/m);
	assert.equal((await failure(1, group(dir, "info", "s", "nope"))).code, "NOT_FOUND");
	assert.equal((await failure(1, group(dir, "ack", "s", "nope", "w", "--ids", "1-0"))).code, "NOT_FOUND");
	assert.equal((await failure(2, group(dir, "ack", "s", "solo", "a", "--ids", "x"))).code, "INVALID_ARGUMENT");
});

test("read --block sees what another process appends, and groups of namespaces are apart", async () => {
	const dir = fresh();
	await done(["stream", "create", "s", "-n", "staging", "--dir", dir]);
	const waiting = printed(group(dir, "read", "s", "g", "w", "--block", "0", "-n", "staging"));
	await done(["stream", "append", "s", "elsewhere", "--dir", dir]);
	await done(["stream", "append", "s", "here", "-n", "staging", "--dir", dir]);
	assert.deepEqual(
		(await waiting).map(({ payload }) => payload),
		["here"],
	);
	assert.equal((await failure(1, group(dir, "info", "s", "g"))).code, "NOT_FOUND");
});

test("what is never due by time is listed as such", async () => {
	const dir = await stream();
	await done(group(dir, "create", "s", "g", "--ack-timeout", "0", "--consumer-timeout", "3600000"));
	await done(group(dir, "read", "s", "g", "w", "--limit", "1"));
	assert.match(await done(group(dir, "pending", "s", "g")), /^\d+-0 +w +1 +\S+Z +never$/m);
	const [pending] = await printed(group(dir, "pending", "s", "g"));
	assert.equal(pending?.["deadline_ms"], Number.MAX_SAFE_INTEGER);
});

test("a group whose name begins with a hyphen is given as an argument", async () => {
	const dir = await stream();
	await done([...group(dir, "create"), "--", "s", "--consumer"]);
	assert.match(await done([...group(dir, "info"), "--", "s", "--consumer"]), /^Consumer group: s\/--consumer\n/);
});
