import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs, {
	chmodSync,
	chownSync,
	existsSync,
	lstatSync,
	mkdirSync,
	openSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	statSync,
	symlinkSync,
	truncateSync,
	writeFileSync,
	writeSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { constants } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isStreamkitError, type StreamkitError } from "streamkit";
import { DirectoryHost } from "../src/directory/host.js";
import { prepareDirectory } from "../src/directory/layout.js";
import { LmdbEnvironment } from "../src/directory/lmdb/environment.js";
import { openDirectory } from "../src/directory/open-directory.js";
import { openNamespaces } from "../src/namespaces/namespaces.js";
import {
	batch,
	bytes,
	coded,
	numberKey,
	onSmallDisk,
	publicDirectory,
	randomFrom,
	runChild,
	temporaryDirectory,
	text,
} from "./support.js";

/** What the task "fill" of child.ts prints. */
interface FillResult {
	readonly stored: number;
	readonly after: number;
	readonly whole: boolean;
	readonly error: { readonly code: string };
}

const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;

test("a directory that another process makes its own meanwhile stays of its kind", () => {
	const { fdatasyncSync: flush } = fs;
	for (const kind of ["store", "namespaces"]) {
		const directory = temporaryDirectory();
		fs.fdatasyncSync = (handle) => {
			flush(handle);
			writeFileSync(join(directory, "streamkit.json"), JSON.stringify({ streamkit: kind, format: 1 }));
		};
		syncBuiltinESMExports();
		try {
			if (kind === "store") prepareDirectory(directory, "store");
			else
				assert.throws(
					() => prepareDirectory(directory, "store"),
					coded("INVALID_ARGUMENT", /of kind "namespaces".*: openNamespaces opens it/),
				);
		} finally {
			fs.fdatasyncSync = flush;
			syncBuiltinESMExports();
		}
		assert.deepEqual(readdirSync(directory), ["streamkit.json"]);
		assert.equal(JSON.parse(readFileSync(join(directory, "streamkit.json"), "utf8")).streamkit, kind);
	}
});

test("refuses a path that is a file, or leads through one, and leaves it as it is", () => {
	const file = join(temporaryDirectory(), "file");
	writeFileSync(file, "mine");
	assert.throws(() => new DirectoryHost(file), coded("INVALID_ARGUMENT", /is a file/));
	assert.throws(() => new DirectoryHost(join(file, "below")), coded("INVALID_ARGUMENT", /through a file/));
	assert.equal(readFileSync(file, "utf8"), "mine");
});

const hasProc = existsSync("/proc/self/stat");
test("says so where no directory can be made", { skip: !hasProc && "needs /proc" }, () => {
	assert.throws(
		() => new DirectoryHost("/proc/streamkit/store"),
		coded("UNAVAILABLE", /^opening the store in .* failed: ENOENT/),
	);
});

test("refuses a path that leads through a link to nothing", () => {
	const link = join(temporaryDirectory(), "link");
	symlinkSync(join(temporaryDirectory(), "nothing"), link);
	assert.throws(() => new DirectoryHost(join(link, "store")), coded("INVALID_ARGUMENT"));
});

test("refuses a path that is too long, or goes round in links", () => {
	const parent = temporaryDirectory();
	symlinkSync("round", join(parent, "round"));
	for (const path of [join(parent, "n".repeat(300)), `${parent}${"/d".repeat(3000)}`, join(parent, "round")]) {
		assert.throws(
			() => new DirectoryHost(path),
			coded("INVALID_ARGUMENT", /^path: .*longer, or leads through more links/),
		);
	}
	assert.deepEqual(readdirSync(parent), ["round"]);
});

test("refuses paths that are no paths", () => {
	const unprintable = {
		toString(): string {
			throw new Error("no text");
		},
	};
	for (const path of ["", "a\0b", "\ud800", "a\udc00b", undefined, 7, Object.create(null), unprintable, Symbol("x")]) {
		assert.throws(() => new DirectoryHost(path as string), coded("INVALID_ARGUMENT", /^path:/));
	}
});

test("takes a signal by its shape, and makes no directory for one that has fired", async () => {
	const listens = { addEventListener() {}, removeEventListener() {} };
	const parent = temporaryDirectory();
	for (const open of [openDirectory, openNamespaces]) {
		const path = join(parent, open.name);
		const fired = { ...listens, aborted: true, reason: "stop" } as unknown as AbortSignal;
		await assert.rejects(open(path, { signal: fired }), (error) => (error as unknown) === "stop");
		assert.deepEqual(readdirSync(parent), open === openDirectory ? [] : ["openDirectory"]);
		const signal = { ...listens, aborted: false } as unknown as AbortSignal;
		await (await open(path, { signal })).close();
	}
});

test("refuses a directory that holds something else, and leaves it as it is", () => {
	const directory = temporaryDirectory();
	writeFileSync(join(directory, "data.mdb"), "another database");
	assert.throws(() => new DirectoryHost(directory), coded("INVALID_ARGUMENT", /not empty/));
	assert.deepEqual(readdirSync(directory), ["data.mdb"]);
	assert.equal(readFileSync(join(directory, "data.mdb"), "utf8"), "another database");
});

test("refuses a directory of another kind or of a later format", () => {
	const directory = temporaryDirectory();
	writeFileSync(join(directory, "streamkit.json"), '{"streamkit":"namespaces","format":1}');
	assert.throws(() => new DirectoryHost(directory), coded("INVALID_ARGUMENT", /"namespaces"/));
	writeFileSync(join(directory, "streamkit.json"), '{"streamkit":"store","format":2}');
	assert.throws(() => new DirectoryHost(directory), coded("UNSUPPORTED", /format 2/));
	writeFileSync(join(directory, "streamkit.json"), '{"streamkit');
	assert.throws(() => new DirectoryHost(directory), coded("CORRUPT", /streamkit\.json is damaged/));
	assert.deepEqual(readdirSync(directory), ["streamkit.json"]);
});

test("takes an empty directory, one with what file managers leave, and one that is missing several levels deep", async () => {
	const directory = temporaryDirectory();
	writeFileSync(join(directory, ".DS_Store"), "");
	for (const path of [directory, join(directory, "a", "b", "c.d")]) {
		const host = new DirectoryHost(path);
		await host.commit(batch({ a: "1" }));
		await host.close();
		assert.ok(statSync(join(path, "data.mdb")).size > 0);
		if (path === directory) rmSync(join(path, "streamkit.json.left-over"), { force: true });
	}
});

test("opens a directory whose creation was interrupted", async () => {
	const directory = temporaryDirectory();
	writeFileSync(join(directory, "streamkit.json.1.x"), "");
	const host = new DirectoryHost(directory);
	await host.close();
});

test("says so when it may not write", { skip: !isRoot && "needs to become another user" }, async () => {
	const parent = publicDirectory();
	const missing = await runChild("open", [join(parent, "store")], { uid: NOBODY });
	assert.match(missing.stdout, /"UNAVAILABLE".*permi/i, missing.stderr);

	const path = join(parent, "made");
	mkdirSync(path);
	chownSync(path, NOBODY, NOBODY);
	// What it is in may be passed through, and not read.
	chmodSync(parent, 0o711);
	assert.deepEqual(JSON.parse((await runChild("open", [path], { uid: NOBODY })).stdout), { rows: 0 });
	chmodSync(join(path, "data.mdb"), 0o444);
	const readOnly = await runChild("open", [path], { uid: NOBODY });
	assert.match(readOnly.stdout, /"UNAVAILABLE".*permi/i, readOnly.stderr);
	chmodSync(join(path, "data.mdb"), 0o644);
	chmodSync(path, 0o555);
	const locked = await runChild("open", [path], { uid: NOBODY });
	assert.match(locked.stdout, /"UNAVAILABLE".*permi/i, locked.stderr);
	chmodSync(path, 0o755);
	assert.deepEqual(JSON.parse((await runChild("open", [path], { uid: NOBODY })).stdout), { rows: 1 });
});

test("a limit on file sizes that a new store is beyond is QUOTA_EXCEEDED, and makes nothing", async () => {
	const path = join(temporaryDirectory(), "store");
	const child = await runChild("open", [path], { fileKibibytes: 100 });
	assert.match(child.stdout, /"QUOTA_EXCEEDED".*files may have/, `${child.signal} ${child.stderr}`);
	assert.equal(existsSync(path), false);
});

test("a limit on file sizes is QUOTA_EXCEEDED where a process ended while it made the lock file", async () => {
	const path = temporaryDirectory();
	await (await openDirectory(path)).close();
	writeFileSync(join(path, "lock.mdb"), "");
	const child = await runChild("open", [path], { fileKibibytes: 100 });
	assert.match(child.stdout, /"QUOTA_EXCEEDED".*files may have/, `${child.signal} ${child.stderr}`);
});

for (const [durability, size] of [
	["strict", "100000"],
	["relaxed", "10000"],
	["relaxed", "1000"],
] as const) {
	const commits = `${durability} commits of ${size} bytes`;
	test(`a limit on file sizes is QUOTA_EXCEEDED, and the store opens and reads afterwards (${commits})`, async () => {
		const path = join(temporaryDirectory(), "store");
		const child = await runChild("fill", [path, durability, size], { fileKibibytes: 3000 });
		assert.equal(child.code, 0, child.stderr);
		const result = JSON.parse(child.stdout) as FillResult;
		assert.equal(result.error.code, "QUOTA_EXCEEDED", child.stdout);
		assert.ok(result.stored > 10, child.stdout);
		assert.equal(result.after, result.stored, child.stdout);
		assert.equal(result.whole, true, child.stdout);
		const host = new DirectoryHost(path);
		await host.commit(batch({ later: "yes" }, "strict"));
		assert.equal(text(host.get([bytes("later")])[0]), "yes");
		await host.close();
	});
}

for (const [durability, size] of [
	["strict", "100000"],
	["relaxed", "100000"],
	["relaxed", "10000"],
	["relaxed", "1000"],
] as const) {
	const commits = `${durability} commits of ${size} bytes`;
	test(`a full disk is QUOTA_EXCEEDED, and the store opens and reads afterwards (${commits})`, async (t) => {
		await onSmallDisk(t, 4, async (mount) => {
			const child = await runChild("fill", [join(mount, "store"), durability, size]);
			assert.equal(child.code, 0, child.stderr);
			const result = JSON.parse(child.stdout) as FillResult;
			assert.equal(result.error.code, "QUOTA_EXCEEDED", child.stdout);
			assert.equal(result.after, result.stored, child.stdout);
			assert.equal(result.whole, true, child.stdout);
			writeFileSync(join(mount, "filler"), new Uint8Array(0));
			execFileSync("mount", ["-o", "remount,size=64m", mount], { stdio: "ignore" });
			const host = new DirectoryHost(join(mount, "store"));
			await host.commit({
				checks: [],
				deletes: [],
				puts: [{ key: bytes("later"), value: new Uint8Array(4e6) }],
				durability: "strict",
			});
			await host.close();
		});
	});
}

test("a new store on a full disk is refused, not killed, and leaves nothing behind", async (t) => {
	await onSmallDisk(t, 2, async (mount) => {
		const handle = openSync(join(mount, "filler"), "w");
		try {
			for (;;) writeSync(handle, new Uint8Array(4096));
		} catch {
			// Full.
		}
		mkdirSync(join(mount, "there"));
		for (const path of [join(mount, "new", "store"), join(mount, "there")]) {
			const child = await runChild("open", [path]);
			assert.match(child.stdout, /"QUOTA_EXCEEDED"/, child.stderr);
			await assert.rejects(openNamespaces(path), { code: "QUOTA_EXCEEDED" });
		}
		assert.deepEqual(readdirSync(mount).sort(), ["filler", "there"]);
		assert.deepEqual(readdirSync(join(mount, "there")), []);
	});
});

test("a directory deleted while it is open makes writes and reads fail, and closing does not", async () => {
	for (const durability of ["strict", "relaxed"] as const) {
		const path = join(temporaryDirectory(), "store");
		const host = new DirectoryHost(path);
		await host.commit(batch({ a: "1" }, durability));
		rmSync(path, { recursive: true });
		await assert.rejects(async () => host.commit(batch({ a: "2" }, durability)), coded("UNAVAILABLE", /deleted/));
		await new Promise((resolve) => setTimeout(resolve, 60));
		assert.throws(() => host.get([bytes("a")]), coded("UNAVAILABLE", /deleted/));
		assert.throws(() => host.health(), coded("UNAVAILABLE", /deleted/));
		await host.close();
	}
});

test("a store whose data are missing is not taken for a new one", async () => {
	const path = join(temporaryDirectory(), "store");
	const host = new DirectoryHost(path);
	await host.commit(batch({ a: "1" }, "strict"));
	await host.close();
	renameSync(join(path, "data.mdb"), join(path, "elsewhere"));
	for (const missing of [["data.mdb"], ["data.mdb", "lock.mdb"]]) {
		for (const name of missing) rmSync(join(path, name), { force: true });
		assert.throws(() => new DirectoryHost(path), coded("CORRUPT", /data\.mdb is missing/));
		assert.equal(existsSync(join(path, "data.mdb")), false);
	}
	renameSync(join(path, "elsewhere"), join(path, "data.mdb"));
	const again = new DirectoryHost(path);
	assert.equal(text(again.get([bytes("a")])[0]), "1");
	await again.close();
});

test("nothing is acknowledged once a store was found to be deleted", async () => {
	const path = join(temporaryDirectory(), "store");
	const store = await openDirectory(path, { durability: "relaxed" });
	await store.publish("space", "segment", "1");
	rmSync(path, { recursive: true });
	for (let tries = 0; tries < 3; tries++) {
		await assert.rejects(store.publish("space", "segment", "2"), (error) => {
			assert.ok(isStreamkitError(error, "UNAVAILABLE"));
			assert.match(error.message, /^the store in .* was deleted or replaced/);
			assert.equal(error.retryable, false);
			return true;
		});
	}
	await store.close();
});

test("a directory replaced by another while it is open is noticed", async () => {
	const parent = temporaryDirectory();
	const path = join(parent, "store");
	const host = new DirectoryHost(path);
	await host.commit(batch({ a: "1" }, "strict"));
	renameSync(path, join(parent, "moved"));
	const other = new DirectoryHost(path);
	await assert.rejects(async () => host.commit(batch({ a: "2" }, "strict")), coded("UNAVAILABLE", /replaced/));
	assert.equal(other.get([bytes("a")])[0], undefined);
	await host.close();
	await other.close();
});

test("a journal deleted or replaced while it is open is noticed, and the store opens again", async () => {
	for (const durability of ["strict", "relaxed"] as const) {
		for (const replace of [false, true]) {
			const path = join(temporaryDirectory(), "store");
			const host = new DirectoryHost(path);
			await host.commit(batch({ a: "1" }, "strict"));
			await host.commit(batch({ a: "2" }));
			rmSync(join(path, "journal"));
			if (replace) await new DirectoryHost(path).close();
			await assert.rejects(
				async () => host.commit(batch({ b: "1" }, durability)),
				(error: unknown) => {
					assert.ok(isStreamkitError(error, "UNAVAILABLE") && /deleted or replaced/.test(error.message), String(error));
					assert.equal(error.details?.["applied"], "unknown");
					return true;
				},
			);
			await new Promise((resolve) => setTimeout(resolve, 60));
			assert.throws(() => host.get([bytes("a")]), coded("UNAVAILABLE", /deleted/));
			await host.close();
			const again = new DirectoryHost(path);
			await again.commit(batch({ c: "1" }));
			assert.equal(text(again.get([bytes("a")])[0]), durability === "strict" ? "2" : "1");
			await again.close();
		}
	}
});

test("a lock file deleted or replaced while it is open is noticed, and whoever opened the store since goes on", async () => {
	for (const durability of ["strict", "relaxed"] as const) {
		for (const replace of [false, true]) {
			const path = join(temporaryDirectory(), "store");
			const host = new DirectoryHost(path);
			await host.commit(batch({ a: "1" }, "strict"));
			rmSync(join(path, "lock.mdb"));
			if (replace) writeFileSync(join(path, "lock.mdb"), "");
			await assert.rejects(
				async () => host.commit(batch({ b: "1" }, durability)),
				(error: unknown) => {
					assert.ok(isStreamkitError(error, "UNAVAILABLE") && /deleted or replaced/.test(error.message), String(error));
					assert.equal(error.retryable, false);
					assert.equal(error.details?.["applied"], "unknown");
					return true;
				},
			);
			await new Promise((resolve) => setTimeout(resolve, 60));
			assert.throws(() => host.get([bytes("a")]), coded("UNAVAILABLE", /deleted/));
			await host.close();
			const again = new DirectoryHost(path);
			await again.commit(batch({ c: "1" }));
			assert.equal(text(again.get([bytes("a")])[0]), "1");
			await again.close();
		}
	}
});

test("after an input/output error of LMDB it is unknown whether a commit applied, after any other error it did not", async (t) => {
	const host = new DirectoryHost(join(temporaryDirectory(), "store"));
	t.after(() => host.close());
	await host.commit(batch({ a: "1" }, "strict"));
	for (const [code, applied] of [
		[constants.errno.EIO, "unknown"],
		["EIO", false],
		[constants.errno.ENOMEM, false],
	] as const) {
		const writing = t.mock.method(LmdbEnvironment.prototype, "write", () => {
			throw Object.assign(new Error("the disk failed"), { code });
		});
		await assert.rejects(
			async () => host.commit(batch({ a: "2" }, "strict")),
			(error: unknown) => isStreamkitError(error, "UNAVAILABLE") && error.details["applied"] === applied,
		);
		writing.mock.restore();
	}
	assert.equal(text(host.get([bytes("a")])[0]), "1");
});

async function filled(path: string, rows: number): Promise<void> {
	const host = new DirectoryHost(path);
	for (let row = 0; row < rows; row += 1) {
		const puts = [{ key: numberKey(row), value: new Uint8Array(row % 10 === 0 ? 9000 : 200).fill(row) }];
		await host.commit({ checks: [], deletes: [], puts, durability: "relaxed" });
	}
	await host.close();
}

test("a damaged header is CORRUPT, and the files are left as they are", async () => {
	const path = join(temporaryDirectory(), "store");
	await filled(path, 10);
	const whole = readFileSync(join(path, "data.mdb"));
	const magic = whole.indexOf(Buffer.from("dec0efbe", "hex"));
	// The first header: what kind of page it is, the version, bytes of a page, the last page.
	const fields = [
		[-6, 0],
		[4, 99],
		[24, 0],
		[24, 0x7fffffff],
		[26, 0x7fff],
		[126, 0x7fff],
	].map(([at = 0, value = 0]) => {
		const damaged = Buffer.from(whole);
		damaged.writeUInt16LE(value & 0xffff, magic + at);
		return damaged;
	});
	for (const broken of [
		new Uint8Array(whole.length),
		whole.subarray(0, 1000),
		whole.subarray(0, 4200),
		Buffer.from("not a database".repeat(1000)),
		...fields,
	]) {
		writeFileSync(join(path, "data.mdb"), broken);
		const child = await runChild("salvage", [path, "10"]);
		assert.equal(child.code, 0, child.stderr);
		assert.deepEqual(JSON.parse(child.stdout), { "opening: CORRUPT": 1 });
		assert.deepEqual(readFileSync(join(path, "data.mdb")), Buffer.from(broken));
	}
});

test("what stands in the place of its files is refused, and left as it is", async () => {
	for (const name of ["data.mdb", "lock.mdb", "journal"]) {
		for (const [what, put] of [
			["a directory", (path: string) => mkdirSync(path)],
			["a link to nothing", (path: string) => symlinkSync("nowhere", path)],
		] as const) {
			const path = join(temporaryDirectory(), "store");
			await filled(path, 3);
			rmSync(join(path, name));
			put(join(path, name));
			const child = await runChild("open", [path]);
			assert.equal(child.code, 0, `${name}: ${what}: ${child.stderr}`);
			const told = JSON.parse(child.stdout) as { code: string; message: string };
			assert.equal(told.code, "INVALID_ARGUMENT", child.stdout);
			assert.match(told.message, new RegExp(`^path: .*holds a ${name} that is no file`));
			assert.ok(lstatSync(join(path, name)).isFile() === false);
		}
	}
});

test("too many open files never kill the process", { skip: !hasProc && "needs a limit on open files" }, async () => {
	for (const isNew of [true, false]) {
		const path = join(temporaryDirectory(), "store");
		if (!isNew) await filled(path, 3);
		const child = await runChild("squeeze", [path], { files: 200 });
		assert.equal(child.code, 0, `${child.signal} ${child.stderr}`);
		const told = child.stdout
			.trim()
			.split("\n")
			.map((line) => JSON.parse(line) as { code?: string; left?: number });
		const refused = told.slice(0, -1);
		assert.ok(refused.length > 3, child.stdout);
		assert.deepEqual([...new Set(refused.map(({ code }) => code))], ["UNAVAILABLE"]);
		assert.equal(typeof told.at(-1)?.left, "number");
	}
});

test("a file cut short never kills the process", async () => {
	const path = join(temporaryDirectory(), "store");
	await filled(path, 2000);
	const size = statSync(join(path, "data.mdb")).size;
	const whole = readFileSync(join(path, "data.mdb"));
	for (const share of [0.9, 0.5, 0.1]) {
		writeFileSync(join(path, "data.mdb"), whole);
		truncateSync(join(path, "data.mdb"), Math.floor((size * share) / 4096) * 4096 + 100);
		const child = await runChild("salvage", [path, "2000"]);
		assert.equal(child.signal, null, child.stderr);
		assert.equal(child.code, 0, child.stderr);
		const seen = JSON.parse(child.stdout) as Record<string, number>;
		for (const name of Object.keys(seen)) assert.match(name, /read|missing|CORRUPT|UNAVAILABLE/, child.stdout);
	}
});

test("pages overwritten with zeros give errors for what they held, and the rest is read", async () => {
	const path = join(temporaryDirectory(), "store");
	await filled(path, 2000);
	const file = join(path, "data.mdb");
	const pages = Math.floor(statSync(file).size / 4096);
	const random = randomFrom(3);
	const whole = readFileSync(file);
	for (let round = 0; round < 5; round += 1) {
		writeFileSync(file, whole);
		const handle = openSync(file, "r+");
		for (let hit = 0; hit < 5; hit += 1) {
			writeSync(handle, new Uint8Array(4096), 0, 4096, (2 + Math.floor(random() * (pages - 2))) * 4096);
		}
		const child = await runChild("salvage", [path, "2000"]);
		assert.equal(child.signal, null, child.stderr);
		assert.equal(child.code, 0, child.stderr);
	}
});

test("keys of a damaged page that are out of their places are CORRUPT, however they are read", async () => {
	const path = join(temporaryDirectory(), "store");
	const host = new DirectoryHost(path);
	await host.commit(batch({ key3: "3", key5: "5", key7: "7" }, "strict"));
	await host.close();
	const file = join(path, "data.mdb");
	const whole = readFileSync(file);
	for (const other of ["key2", "key8"]) {
		writeFileSync(file, Buffer.from(whole.toString("latin1").replaceAll("key5", other), "latin1"));
		const damaged = new DirectoryHost(path);
		for (const [keysOnly, reverse] of [
			[true, false],
			[true, true],
			[false, false],
			[false, true],
		] as const) {
			assert.throws(
				() => damaged.scan({ start: bytes("key"), end: bytes("key:"), limit: 10, keysOnly, reverse }),
				(error) => {
					assert.ok(isStreamkitError(error, "CORRUPT"), String(error));
					assert.match(String(error.details["key"]), /^([0-9a-f]{2})+$/);
					return true;
				},
			);
		}
		await damaged.close();
	}
});

test("locks that were taken from LMDB by closing one of its files come back with the next opening", async (t) => {
	const host = new DirectoryHost(join(temporaryDirectory(), "store"));
	t.after(() => host.close());
	t.mock.method(LmdbEnvironment.prototype, "get", () => {
		throw Object.assign(new Error("MDB_BAD_RSLOT"), { code: -30783 });
	});
	assert.throws(
		() => host.get([bytes("a")]),
		(error) => coded("UNAVAILABLE", /close it and open it again/)(error) && !(error as StreamkitError).retryable,
	);
});
