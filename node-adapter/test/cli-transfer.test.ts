import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { openDirectory } from "../src/directory/open-directory.js";
import { cli, done, failure, objects, type Printed, parseLines } from "./cli-support.js";
import { temporaryDirectory } from "./support.js";

const dir = join(temporaryDirectory(), "store");

before(async () => {
	const store = await openDirectory(dir);
	for (let i = 1; i <= 200; i++)
		await store.publish("orders", `o${i % 7}`, `text ${i}`, { metadata: { i: String(i) } });
	await store.produce("bytes", "raw", [{ payload: new Uint8Array([0, 255, 128]) }, { payload: "" }]);
	await store.publish("other", "one", "\u00e9\u4f60 \u{1f600}\n");
	await store.close();
});

const everything = (directory: string): Promise<Printed[]> =>
	objects(["consume", "--spaces", "orders,bytes,other", "--dir", directory]);

test("export and import carry everything over, exactly", async () => {
	const parent = temporaryDirectory();
	const file = join(parent, "backup.streamkit");
	const [report] = await objects(["export", file, "--dir", dir]);
	assert.deepEqual(report, { file, format: "streamkit", bytes: readFileSync(file).length });
	assert.deepEqual(readdirSync(parent), ["backup.streamkit"]);
	const copy = join(parent, "copy");
	assert.match(await done(["import", file, "--dir", copy]), /^203 entries, 9 segments, 3 spaces\n$/);
	assert.deepEqual(await everything(copy), await everything(dir));
	assert.match(await done(["verify", "--dir", copy]), /^ok: 203 entries/);
	const again = await failure(3, ["import", file, "--dir", copy]);
	assert.equal(again.code, "CONFLICT");
	assert.match(
		again.message,
		/^space: ".+" is not empty, and an import fills only those that are; 0 spaces were stored before$/,
	);
	assert.deepEqual(await everything(copy), await everything(dir));
});

test("import keeps to the spaces that are named, of either format", async () => {
	const payloads = async (directory: string) => (await everything(directory)).map(({ payload }) => payload).sort();
	for (const format of ["streamkit", "ndjson"]) {
		const file = join(temporaryDirectory(), "export");
		const copy = join(temporaryDirectory(), "copy");
		await done(["export", file, "--format", format, "--dir", dir]);
		const [first] = await objects(["import", file, "--spaces", "orders", "--dir", copy]);
		assert.deepEqual(first, { format, spaces: 1, segments: 7, entries: 200 });
		const missing = await failure(1, ["import", file, "--spaces", "none", "--dir", copy]);
		assert.match(
			missing.message,
			/^--spaces: the (export|input) holds no "none"; 0 (spaces|entries) were stored before$/,
		);
		const [rest] = await objects(["import", file, "--spaces", "bytes,other", "--dir", copy]);
		assert.deepEqual(rest, { format, spaces: 2, segments: 2, entries: 3 });
		assert.deepEqual(await payloads(copy), await payloads(dir));
	}
});

test("an import that lacks a space that is named says how much it stored", async () => {
	for (const [format, first, message, stored] of [
		["streamkit", "other", '--spaces: the export holds no "none"; 1 space was stored before', 1],
		["streamkit", "orders,other", '--spaces: the export holds no "none"; 2 spaces were stored before', 2],
		["ndjson", "orders", '--spaces: the input holds no "none"; 200 entries were stored before', 200],
	] as const) {
		const { bytes } = await cli(["export", "--format", format, "--dir", dir]);
		const copy = join(temporaryDirectory(), "copy");
		const error = await failure(1, ["import", "--spaces", `${first},none`, "--dir", copy], { input: bytes });
		assert.equal(error.message, message);
		assert.equal(error.details.stored, stored);
		assert.equal(await done(["spaces", "--dir", copy]), `${first.replace(",", "\n")}\n`);
	}
	const { bytes } = await cli(["export", "--dir", dir]);
	const copy = join(temporaryDirectory(), "copy");
	await done(["publish", "other", "one", "x", "--dir", copy]);
	const error = await failure(3, ["import", "--dir", copy], { input: bytes });
	assert.equal(
		error.message,
		'space: "other" is not empty, and an import fills only those that are; 2 spaces were stored before',
	);
});

test("an exact import refuses what only lines have, before anything is made", async () => {
	const { bytes } = await cli(["export", "--dir", dir]);
	const copy = join(temporaryDirectory(), "copy");
	for (const format of [[], ["--format", "streamkit"]]) {
		for (const [option, args] of [
			["--renumber", ["--renumber"]],
			["--durability", ["--durability", "relaxed"]],
			["--durability", ["--durability", "strict"]],
		] as const) {
			const error = await failure(2, ["import", ...format, ...args, "--dir", copy], { input: bytes });
			assert.match(error.message, new RegExp(`^${option}: is for ndjson: this is an exact export, which `));
		}
	}
	assert.equal(existsSync(copy), false);
	assert.match(await done(["import", "--help"]), /--durability <kind> +ndjson: strict: /);
});

test("what is written with --compress is small, and the same", async () => {
	const parent = temporaryDirectory();
	const lines = Array.from({ length: 2000 }, (_, i) =>
		JSON.stringify({ i, text: "a parcel at the back door, ".repeat(20) }),
	);
	const input = `${lines.join("\n")}\n`;
	const bytesOf = (directory: string) => statSync(join(directory, "data.mdb")).size;
	const [plain, compressed, imported] = ["plain", "compressed", "imported"].map((name) => join(parent, name)) as [
		string,
		string,
		string,
	];
	await done(["produce", "s", "one", "--dir", plain], { input });
	await done(["produce", "s", "one", "--compress", "--dir", compressed], { input });
	const file = join(parent, "backup.streamkit");
	await done(["export", file, "--dir", plain]);
	await done(["import", file, "--compress", "--dir", imported]);
	const read = async (directory: string) =>
		(await objects(["consume", "s", "one", "--dir", directory])).map(({ payload }) => payload);
	for (const directory of [compressed, imported]) {
		assert.ok(bytesOf(directory) * 3 < bytesOf(plain), `${bytesOf(directory)} of ${bytesOf(plain)}`);
		assert.deepEqual(await read(directory), lines);
	}
});

test("export and import work through pipes", async () => {
	const { bytes } = await cli(["export", "--spaces", "orders", "--spaces", "other", "--dir", dir]);
	const copy = join(temporaryDirectory(), "copy");
	const [report] = await objects(["import", "-", "--dir", copy], { input: bytes });
	assert.deepEqual(report, { format: "streamkit", spaces: 2, segments: 8, entries: 201 });
	assert.equal(await done(["spaces", "--dir", copy]), "orders\nother\n");
});

test("export does not replace a file unless told, and leaves no half of one", async () => {
	const parent = temporaryDirectory();
	const file = join(parent, "backup");
	writeFileSync(file, "precious");
	assert.equal((await failure(3, ["export", file, "--dir", dir])).code, "ALREADY_EXISTS");
	assert.equal(readFileSync(file, "utf8"), "precious");
	assert.match(await done(["export", file, "--force", "--dir", dir]), /^.* written to .*backup\n$/);
	assert.notEqual(readFileSync(file, "utf8"), "precious");
	const missing = await failure(1, ["export", join(parent, "no", "file"), "--dir", dir]);
	assert.equal(missing.message, `file: there is no directory "${join(parent, "no")}"`);
	assert.match((await failure(2, ["export", parent, "--force", "--dir", dir])).message, /^file: .* is a directory$/);
	assert.equal(
		(await failure(2, ["export", join(parent, "x"), "--spaces", "a\u0001", "--dir", dir])).code,
		"INVALID_ARGUMENT",
	);
	assert.match((await failure(2, ["export", "", "--dir", dir])).message, /^file: must not be empty/);
	assert.deepEqual(readdirSync(parent), ["backup"]);
});

test("export --force replaces what a link leads to, and writes to a pipe instead of replacing it", async (t) => {
	const parent = temporaryDirectory();
	const [link, file, pipe] = ["link", "file", "pipe"].map((name) => join(parent, name)) as [string, string, string];
	const { bytes } = await cli(["export", "--dir", dir]);
	writeFileSync(file, "old");
	symlinkSync("file", link);
	await done(["export", link, "--force", "--dir", dir]);
	// Two exports are of one length: their ids differ.
	assert.equal(readFileSync(file).length, bytes.length);
	assert.ok(lstatSync(link).isSymbolicLink());
	if (spawnSync("mkfifo", [pipe]).status !== 0) return t.skip("needs mkfifo");
	const [read] = await Promise.all([readFile(pipe), done(["export", pipe, "--force", "--dir", dir])]);
	assert.equal(read.length, bytes.length);
	assert.ok(lstatSync(pipe).isFIFO());
	assert.deepEqual(readdirSync(parent).sort(), ["file", "link", "pipe"]);
});

test("import of something damaged stores whole spaces or nothing of them", async () => {
	const { bytes } = await cli(["export", "--dir", dir]);
	const parent = temporaryDirectory();
	const damaged = Buffer.from(bytes);
	damaged.writeUInt8(damaged.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
	for (const [name, input] of [
		["damaged", damaged],
		["cut", bytes.subarray(0, bytes.length >> 1)],
		["nonsense", Buffer.from("nonsense, and a lot of it")],
	] as const) {
		const copy = join(parent, name);
		const { code, stderr } = await cli(["import", "--dir", copy, "--json"], { input });
		assert.ok(code === 2 || code === 3, `${name}: ${code} ${stderr}`);
		assert.match(JSON.parse(stderr).code, /^(?:CORRUPT|INVALID_ARGUMENT)$/, name);
		// Of nonsense nothing is stored, so no store is made.
		const isMade = existsSync(copy);
		assert.equal(isMade, name !== "nonsense");
		for (const space of isMade ? await objects(["spaces", "--dir", copy]) : []) {
			const args = ["consume", String(space.space), "--dir"];
			assert.deepEqual(await objects([...args, copy]), await objects([...args, dir]), name);
		}
		if (isMade) assert.deepEqual(await objects(["consume", "orders", "--dir", copy]), [], name);
		const orders = await cli(["export", "--spaces", "orders", "--dir", dir]);
		await done(["import", "--dir", copy], { input: orders.bytes });
		assert.match(await done(["verify", "--dir", copy]), /^ok: /);
	}
});

test("import refuses an empty input and a missing file, and creates nothing", async () => {
	const copy = join(temporaryDirectory(), "copy");
	assert.match((await failure(2, ["import", "--dir", copy], { input: "" })).message, /empty/);
	assert.equal((await failure(1, ["import", join(copy, "none"), "--dir", copy])).code, "NOT_FOUND");
	assert.match((await failure(2, ["import", "", "--dir", copy])).message, /^file: must not be empty/);
	assert.equal(existsSync(copy), false);
});

test("NDJSON carries payloads, metadata and sequences", async () => {
	const text = await done(["export", "-", "--format", "ndjson", "--dir", dir]);
	const lines = parseLines(text);
	assert.equal(lines.length, 203);
	const keys = ["space", "segment", "sequence", "timestamp", "id", "trx", "encoding", "payload", "metadata"];
	assert.ok(lines.every((line) => JSON.stringify(Object.keys(line)) === JSON.stringify(keys)));
	assert.deepEqual(
		lines.filter(({ space }) => space === "bytes").map(({ encoding, payload }) => [encoding, payload]),
		[
			["base64", "AP+A"],
			["utf8", ""],
		],
	);
	const copy = join(temporaryDirectory(), "copy");
	const [report] = await objects(["import", "--dir", copy], { input: text });
	assert.deepEqual(report, { format: "ndjson", spaces: 3, segments: 9, entries: 203 });
	const parts = (entries: Printed[]): unknown[] =>
		entries.map(({ space, segment, sequence, encoding, payload, metadata }) => [
			...[space, segment, sequence, encoding, payload, metadata],
		]);
	for (const space of ["orders", "bytes", "other"]) {
		const read = (from: string): Promise<Printed[]> => objects(["consume", space, "--dir", from]);
		assert.deepEqual(parts(await read(copy)), parts(await read(dir)));
	}
	const again = await failure(3, ["import", "--format", "ndjson", "--dir", copy], { input: text });
	assert.equal(again.code, "SEQUENCE_MISMATCH");
	assert.deepEqual([again.details.line, again.details.stored], [1, 0]);
	await done(["import", "--renumber", "--dir", copy], { input: text });
	assert.match(await done(["verify", "--dir", copy]), /^ok: 406 entries/);
});

test("of the spaces named, an export holds each once, and one that is not there is refused", async () => {
	for (const format of ["streamkit", "ndjson"]) {
		const args = ["export", "-", "--format", format, "--dir", dir];
		const [once, twice] = await Promise.all(["other", "other,other"].map((names) => cli([...args, "--spaces", names])));
		assert.equal(twice?.bytes.length, once?.bytes.length, format);
		// A name that others begin with is none of theirs.
		const error = await failure(1, [...args, "--spaces", "other,order"]);
		assert.equal(error.code, "NOT_FOUND", format);
		assert.equal(error.message, '--spaces: there is no "order"', format);
	}
});

test("a stream that holds no records yet is a space that can be exported", async () => {
	const path = join(temporaryDirectory(), "store");
	await done(["stream", "create", "empty", "--dir", path]);
	const args = ["export", "-", "--spaces", "empty", "--dir", path];
	assert.equal(await done([...args, "--format", "ndjson"]), "");
	assert.notEqual(await done(args), "");
});

test("import of NDJSON stores a slow input as it comes", async () => {
	const copy = join(temporaryDirectory(), "copy");
	const line = '{"space":"s","segment":"a","payload":"x"}\n';
	await done(["publish", "s", "a", "first", "--dir", copy]);
	let stop: () => void = () => {};
	const importing = cli(["import", "--format", "ndjson", "--dir", copy], {
		keepInput: true,
		onStart: (child) => {
			child.stdin?.write(line);
			stop = () => child.stdin?.end(line);
		},
	});
	await done(["consume", "s", "a", "--follow", "--limit", "2", "--dir", copy]);
	stop();
	assert.match((await importing).stdout, /^2 entries/);
});

test("import of NDJSON names the line and the field at fault", async () => {
	const copy = join(temporaryDirectory(), "copy");
	const good = { space: "s", segment: "a", payload: "x" };
	const cases: [unknown, RegExp][] = [
		[{ ...good, space: 7 }, /^line 2: "space" must be text/],
		[{ ...good, payload: undefined }, /^line 2: "payload" must be text/],
		[{ ...good, encoding: "hex" }, /^line 2: "encoding"/],
		[{ ...good, encoding: "base64", payload: "?" }, /^line 2: "payload" is not base64/],
		[{ ...good, metadata: { a: 1 } }, /^line 2: "metadata"/],
		[{ ...good, sequence: 0 }, /^line 2: "sequence"/],
		[7, /^line 2: "space"/],
		[null, /^line 2: "space"/],
	];
	for (const [value, message] of cases) {
		const input = `${JSON.stringify(good)}\n${JSON.stringify(value)}\n`;
		const error = await failure(2, ["import", "--dir", copy], { input });
		assert.match(error.message, message);
		assert.match(error.message, /; 1 entry was stored before$/);
		assert.deepEqual([error.details.line, error.details.stored], [2, 1]);
	}
	const broken = await failure(2, ["import", "--dir", copy], { input: `${JSON.stringify(good)}\n{"space":\n` });
	assert.match(broken.message, /^line 2: is not JSON: .*; 1 entry was stored before$/);
	assert.deepEqual([broken.details.line, broken.details.stored], [2, 1]);
	assert.equal((await objects(["consume", "s", "a", "--dir", copy])).length, cases.length + 1);
	assert.match((await failure(2, ["import", "--format", "xml", "--dir", copy])).message, /--format/);
});
