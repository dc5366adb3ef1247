import assert from "node:assert/strict";
import fs, { existsSync, mkdirSync, statSync, truncateSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { StreamkitError } from "streamkit";
import { DirectoryHost } from "../src/directory/host.js";
import { nativeAddon } from "../src/directory/lmdb/addon.js";
import { openDirectory } from "../src/directory/open-directory.js";
import { batch, coded, OnDisk, openFilesIn, temporaryDirectory, withFileSystem } from "./support.js";

const READ_ONLY = 0x20000;

/** Runs where no transaction that only reads can be begun, for the reason of that code. */
function withoutReaders(code: number, run: () => void): void {
	const addon = nativeAddon as { Txn: typeof nativeAddon.Txn };
	const { Txn } = addon;
	addon.Txn = new Proxy(Txn, {
		construct(target, args) {
			if (args[1] === READ_ONLY) throw Object.assign(new Error("refused"), { code });
			return Reflect.construct(target, args) as object;
		},
	});
	try {
		run();
	} finally {
		addon.Txn = Txn;
	}
}

test("opening that fails when LMDB has opened its files leaves none of them open", {
	skip: process.platform !== "linux" && "needs to see open files",
}, async () => {
	const path = join(temporaryDirectory(), "store");
	await new DirectoryHost(path).close();
	withoutReaders(constants.errno.EAGAIN, () => {
		assert.throws(() => new DirectoryHost(path), coded("UNAVAILABLE"));
	});
	assert.deepEqual(openFilesIn(path), []);
	await new DirectoryHost(path).close();
	assert.deepEqual(openFilesIn(path), []);
});

test("a store that cannot be opened says why, and leaves no file open", {
	skip: process.platform !== "linux" && "needs to see open files",
}, async (t) => {
	const path = join(temporaryDirectory(), "store");
	const reading = t.mock.method(DirectoryHost.prototype, "get", () => {
		throw new StreamkitError("CORRUPT", "rows are damaged");
	});
	await assert.rejects(openDirectory(path), coded("CORRUPT", /rows are damaged/));
	assert.deepEqual(openFilesIn(path), []);
	reading.mock.restore();
	await (await openDirectory(path)).close();
	assert.deepEqual(openFilesIn(path), []);
});

test("opening leaves nothing behind in the place for temporary files, whether it fails or not", async () => {
	const path = join(temporaryDirectory(), "store");
	const { mkdtempSync } = fs;
	const made: string[] = [];
	const making = ((prefix: string) => {
		made.push(mkdtempSync(prefix));
		return made.at(-1);
	}) as typeof mkdtempSync;
	await withFileSystem({ mkdtempSync: making }, async () => {
		await new DirectoryHost(path).close();
		withoutReaders(constants.errno.EAGAIN, () => {
			assert.throws(() => new DirectoryHost(path), coded("UNAVAILABLE"));
		});
	});
	assert.equal(made.length, process.platform === "linux" ? 2 : 0);
	assert.deepEqual(made.filter(existsSync), []);
});

test("a process of the same number that has the store open, in another container, is told as such", async () => {
	const path = join(temporaryDirectory(), "store");
	withoutReaders(constants.errno.EAGAIN, () => {
		assert.throws(
			() => new DirectoryHost(path),
			(error) =>
				coded("UNAVAILABLE", /a process of the same number has it open/)(error) &&
				(error as StreamkitError).retryable === false,
		);
	});
});

test("a data file that was cut short has its length again when it is open, and is closed when the store is", {
	skip: process.platform !== "linux" && "needs to see open files",
}, async () => {
	const path = join(temporaryDirectory(), "store");
	const host = new DirectoryHost(path);
	await host.commit(batch({ a: "a".repeat(100_000) }, "strict"));
	await host.close();
	const file = join(path, "data.mdb");
	const { size } = statSync(file);
	truncateSync(file, size - 4096 - 100);
	const again = new DirectoryHost(path);
	assert.equal(statSync(file).size, size);
	await again.close();
	assert.deepEqual(openFilesIn(path), []);
});

test("a store that was made is on the disk when it is open, with all directories that were made for it", async () => {
	for (const below of ["", "made", "a/b/c"]) {
		const directory = temporaryDirectory();
		// As a process leaves it that ended before the name was on the disk.
		if (below === "made") mkdirSync(join(directory, below));
		const disk = new OnDisk(directory);
		await disk.watching(async () => {
			const host = new DirectoryHost(join(directory, below));
			assert.deepEqual(disk.unnamed(), []);
			await host.close();
		});
	}
});

test("what says that a directory is ours is whole on the disk before it has its name", async () => {
	const directory = temporaryDirectory();
	const disk = new OnDisk(directory);
	const marker = join(directory, "streamkit.json");
	const { linkSync, renameSync } = fs;
	for (const hasLinks of [true, false]) {
		let named = 0;
		const naming = (name: typeof linkSync) => (from: fs.PathLike, to: fs.PathLike) => {
			if (to === marker) {
				named += 1;
				assert.equal(disk.bytesOf(String(from)), statSync(from).size);
				assert.ok(statSync(from).size > 0);
			}
			name(from, to);
		};
		const withoutLinks = () => {
			throw Object.assign(new Error("EPERM: no links"), { code: "EPERM" });
		};
		const changes = { linkSync: hasLinks ? naming(linkSync) : withoutLinks, renameSync: naming(renameSync) };
		await withFileSystem(changes, () => disk.watching(() => new DirectoryHost(directory).close()));
		assert.equal(named, 1);
		for (const name of fs.readdirSync(directory)) fs.rmSync(join(directory, name));
	}
});
