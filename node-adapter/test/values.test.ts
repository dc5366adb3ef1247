import assert from "node:assert/strict";
import fs, { appendFileSync, cpSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mock, test } from "node:test";
import { DirectoryHost } from "../src/directory/host.js";
import { openDirectory } from "../src/directory/open-directory.js";
import { encodeHead } from "../src/directory/values/format.js";
import { referenceTo, withRow } from "../src/directory/values/reference.js";
import { filesToSweep } from "../src/directory/values/sweep.js";
import {
	type Bytes,
	batch,
	bytes,
	coded,
	numberKey,
	OnDisk,
	onSmallDisk,
	randomFrom,
	runChild,
	temporaryDirectory,
	text,
	withFileSystem,
} from "./support.js";
import {
	Disk,
	FILE_BYTES,
	LARGE,
	long,
	MARK,
	marked,
	type Rows,
	SmallFiles,
	stateOf,
	valueFiles,
} from "./values-support.js";

function newPath(): string {
	return join(temporaryDirectory(), "store");
}

/** A store with a commit in its database: the first one goes there. */
function begun(path: string): SmallFiles {
	const store = new SmallFiles(path);
	store.commit({ first: "1" }, false);
	return store;
}

async function rowsAfterwards(path: string): Promise<Rows> {
	const store = new SmallFiles(path);
	try {
		return store.rows();
	} finally {
		await store.environment.close();
	}
}

test("large values of relaxed commits are written once, beside the database, and read as any other", async () => {
	const path = newPath();
	const host = new DirectoryHost(path);
	const large = new Uint8Array(1024 * 1024).fill(7);
	await host.commit(batch({ first: "1" }, "strict"));
	const before = statSync(join(path, "data.mdb")).size;
	for (let number = 0; number < 20; number += 1) {
		const puts = [{ key: numberKey(number), value: large.fill(number) }];
		await host.commit({ checks: [], deletes: [], puts, durability: "relaxed" });
	}
	await host.commit(batch({ last: "1" }, "strict"));
	assert.ok(statSync(join(path, "data.mdb")).size - before < 1024 * 1024);
	assert.ok(statSync(join(path, "values", "1")).size > 20 * large.length);
	const usage = (await host.health()).usage ?? 0;
	assert.ok(usage > 20 * large.length, String(usage));
	await host.close();
	const again = new DirectoryHost(path);
	const page = again.scan({ start: numberKey(0), end: numberKey(99), limit: 50, maxBytes: 5.5 * 1024 * 1024 });
	assert.equal(page.keys.length, 5);
	assert.ok(page.more);
	for (const [index, value] of page.values.entries()) {
		assert.equal(Object.getPrototypeOf(value), Uint8Array.prototype);
		assert.deepEqual(value, large.fill(index));
	}
	assert.deepEqual(again.get([numberKey(19), numberKey(20)]), [large.fill(19), undefined]);
	await again.close();
});

test("values that look like rows that refer to one are values", async () => {
	const reference = marked(1, ...new Uint8Array(16).fill(1));
	const values: Bytes[] = [
		marked(),
		marked(0),
		marked(0, 1, 2, 3),
		marked(1),
		reference,
		marked(2, 5),
		marked(0, ...reference),
		new Uint8Array(MARK.subarray(0, 7)),
		marked(...new Uint8Array(LARGE)),
		new Uint8Array(Buffer.concat([MARK, Buffer.alloc(16 * 1024 * 1024 - MARK.length, 3)])),
	];
	for (const durability of ["strict", "relaxed"] as const) {
		const host = new DirectoryHost(newPath());
		await host.commit(batch({ first: "1" }, "strict"));
		for (const [index, value] of values.entries()) {
			const key = numberKey(index);
			const absent = [{ key, value: undefined }];
			assert.deepEqual(await host.commit({ checks: absent, deletes: [], puts: [{ key, value }], durability }), {
				applied: true,
			});
			assert.deepEqual(host.get([key]), [value]);
			const same = { checks: [{ key, value }], deletes: [], puts: [], durability };
			assert.deepEqual(await host.commit(same), { applied: true });
			const other = Uint8Array.from(value);
			other[other.length - 1] = (other.at(-1) ?? 0) ^ 1;
			const failed = await host.commit({ ...same, checks: [{ key, value: other }] });
			assert.ok(!failed.applied);
			assert.deepEqual(failed.current, value);
		}
		for (let round = 0; round < 2; round += 1) {
			const page = host.scan({ start: numberKey(0), end: numberKey(99), limit: 100 });
			assert.deepEqual(page.values, values);
			await host.commit(batch({ [`strict ${round}`]: "1" }, "strict"));
		}
		await host.close();
	}
});

test("a value that is laid aside, and the row that refers to it, have the bytes that their formats say", () => {
	const value = Uint8Array.from({ length: 1001 }, (_, index) => index * 31);
	const hex = (stored: Uint8Array) => Buffer.from(stored).toString("hex");
	assert.equal(hex(encodeHead(bytes("key"), value).head), "ace4f9aa0300e9030000629b5b686b6579");
	const place = { file: 1, offset: 2, length: 3, checksum: 0xdeadbeef };
	assert.equal(hex(referenceTo(place)), "b19ed1f7c84e5a0301010000000200000003000000efbeadde");
	// Only what begins with the whole mark is stored otherwise than it is.
	for (const begin of [0, 1, 7]) {
		const value = Buffer.alloc(9);
		MARK.copy(value, 0, 0, begin);
		assert.equal(withRow({ key: bytes("key"), value }).value, value);
	}
	assert.equal(hex(withRow({ key: bytes("key"), value: marked(5) }).value), `${hex(MARK)}00${hex(marked(5))}`);
});

test("two stores that write, sweep and read by turns agree with a model", async () => {
	for (const seed of [1, 2, 3]) {
		const random = randomFrom(seed);
		const path = newPath();
		const stores = [begun(path), new SmallFiles(path)] as const;
		const sweeps: (Iterator<void> | undefined)[] = [undefined, undefined];
		const model: Rows = new Map([["first", "1"]]);
		const sizes = [10, LARGE - 1, LARGE, LARGE + 1, 40_000];
		let most = 0;
		for (let step = 0; step < 1500; step += 1) {
			const index = random() < 0.7 ? 0 : 1;
			const store = stores[index] as SmallFiles;
			if (random() < 0.5) {
				const changes: Record<string, string | undefined> = {};
				for (let count = random() * 4; count > 0; count -= 1) {
					const size = sizes[Math.floor(random() * sizes.length)] ?? 0;
					const key = `key ${Math.floor(random() * 25)}`;
					changes[key] = random() < 0.4 ? undefined : long(`${key} in step ${step}`, size);
				}
				store.commit(changes, random() < 0.97);
				for (const [key, value] of Object.entries(changes)) {
					if (value === undefined) model.delete(key);
					else model.set(key, value);
				}
			} else {
				sweeps[index] ??= store.environment.sweeper.sweep();
				if (sweeps[index]?.next().done === true) sweeps[index] = undefined;
			}
			if (step % 5 === 0) {
				const reader = stores[step % 2] as SmallFiles;
				assert.equal(stateOf(reader.rows(step % 3 === 0)), stateOf(model), `seed ${seed}, step ${step}`);
				const key = `key ${Math.floor(random() * 25)}`;
				assert.equal(reader.get(key), model.get(key));
			}
			most = Math.max(most, valueFiles(path).length);
		}
		const last = valueFiles(path).at(-1) ?? 0;
		assert.ok(last > 30, `${last} files`);
		assert.ok(most < 20, `${most} files at once`);
		for (const { environment } of stores) await environment.close();
		assert.equal(stateOf(await rowsAfterwards(path)), stateOf(model));
	}
});

const MOSTLY_ZEROS = `${"\0".repeat(700)}in between`;

test("after power loss there is what some number of commits left, with all that is strict", async () => {
	const lost = { some: 0, none: 0 };
	for (let seed = 1; seed <= 60; seed += 1) {
		const random = randomFrom(seed);
		const path = newPath();
		const disk = new Disk(path);
		await disk.watching(async () => {
			const store = begun(path);
			const states = [stateOf(store.rows())];
			let durable = 0;
			const steps = 5 + random() * 60;
			for (let step = 0; step < steps; step += 1) {
				const changes: Record<string, string | undefined> = {};
				for (let count = random() * 3; count > 0; count -= 1) {
					const key = `key ${Math.floor(random() * 8)}`;
					const value = long(
						`${key} in step ${step}`,
						random() < 0.3 ? 9 : 20_000,
						random() < 0.5 ? "." : MOSTLY_ZEROS,
					);
					changes[key] = random() < 0.3 ? undefined : value;
				}
				changes["step"] = String(step);
				const strict = random() < 0.05;
				store.commit(changes, !strict);
				states.push(stateOf(store.rows()));
				if (strict) durable = states.length - 1;
				if (random() < 0.5) store.sweep();
			}
			for (let copies = 0; copies < 3; copies += 1) {
				const copy = newPath();
				disk.copyAfterPowerLoss(copy, random);
				const found = states.indexOf(stateOf(await rowsAfterwards(copy)));
				assert.ok(found >= durable, `seed ${seed}: commit ${found}, and ${durable} is durable`);
				lost[found === states.length - 1 ? "none" : "some"] += 1;
				// Writing goes on from there.
				const again = new SmallFiles(copy);
				again.commit({ again: long("again", 20_000) });
				again.sweep();
				const expected = stateOf(again.rows());
				await again.environment.close();
				assert.equal(stateOf(await rowsAfterwards(copy)), expected);
				rmSync(copy, { recursive: true });
			}
			await store.environment.close();
		});
	}
	assert.ok(lost.some > 30 && lost.none > 10, JSON.stringify(lost));
});

test("which files are looked through: two by lot, and small ones that fit to the new one", () => {
	const file = (number: number, size: number) => ({ file: number, size });
	const chosenOf = (files: { file: number; size: number }[], own: { file: number; size: number }) =>
		filesToSweep([...files, own], own, 2000);
	assert.deepEqual(chosenOf([], file(7, 10)), []);
	assert.deepEqual(chosenOf([file(3, 99)], file(7, 10)), [{ file: 3, isSmall: false }]);
	const small = [file(20, 5), file(21, 15), file(22, 31), file(23, 40)];
	const large = Array.from({ length: 10 }, (_, index) => file(index + 1, 1000));
	const chosen = chosenOf([...large, ...small], file(30, 10)).filter(({ isSmall }) => isSmall);
	assert.deepEqual(chosen, [
		{ file: 20, isSmall: true },
		{ file: 21, isSmall: true },
	]);
	// No more than half a file becomes one with it.
	assert.deepEqual(
		chosenOf([file(1, 600)], file(2, 600)).map(({ isSmall }) => isSmall),
		[false],
	);
});

test("unused files are found, however many there are that are in use", () => {
	const used = new Set(Array.from({ length: 200 }, (_, index) => index + 1));
	let files = Array.from({ length: 1000 }, (_, index) => ({ file: index + 1, size: 1000 }));
	let begun = 0;
	for (let own = 1001; files.length > 500; own += 1) {
		const file = { file: own, size: 10 };
		used.add(own);
		files.push(file);
		const chosen = filesToSweep(files, file, 1000).map((one) => one.file);
		files = files.filter(({ file }) => used.has(file) || !chosen.includes(file));
		used.delete(own - 200);
		begun += 1;
		assert.ok(begun < 2000, `${files.length} files`);
	}
});

test("many short-lived processes leave few files", async () => {
	const path = newPath();
	await begun(path).environment.close();
	for (let round = 1; round <= 60; round += 1) {
		const store = new SmallFiles(path);
		store.commit({ [`key ${round % 9}`]: long(`round ${round}`, LARGE) });
		store.sweep();
		await store.environment.close();
		assert.ok(valueFiles(path).length <= 8, `${valueFiles(path)}`);
	}
	const rows = await rowsAfterwards(path);
	for (let round = 52; round <= 60; round += 1) assert.ok(rows.get(`key ${round % 9}`)?.startsWith(`round ${round}`));
});

test("a file with an end that was not written whole is swept, one that is damaged further in is kept", async () => {
	for (const [name, harm, kept] of [
		["a few bytes behind", (file: string) => appendFileSync(file, "abc"), false],
		["a value cut short", (file: string) => appendFileSync(file, readFileSync(file).subarray(0, 5000)), false],
		[
			"a damaged head",
			(file: string) => {
				const whole = readFileSync(file);
				whole.writeUInt8(whole.readUInt8(5) ^ 1, 5);
				writeFileSync(file, whole);
			},
			true,
		],
	] as const) {
		const path = newPath();
		const store = begun(path);
		store.commit({ a: long("a", LARGE), b: long("b", LARGE) });
		await store.environment.close();
		harm(join(path, "values", "1"));
		const again = new SmallFiles(path);
		again.commit({ a: undefined, c: long("c", LARGE) });
		again.sweep();
		assert.equal(valueFiles(path).includes(1), kept, name);
		assert.equal(
			stateOf(again.rows()),
			stateOf(
				new Map([
					["b", long("b", LARGE)],
					["c", long("c", LARGE)],
					["first", "1"],
				]),
			),
		);
		await again.environment.close();
	}
});

test("where values cannot be laid aside, the database takes them, and nothing is left of them", async () => {
	for (const code of ["ENOSPC", "EIO", "EMFILE"]) {
		const path = newPath();
		const store = new DirectoryHost(path);
		await store.commit(batch({ first: "1" }, "strict"));
		await store.commit(batch({ a: long("a", LARGE) }));
		const file = join(path, "values", "1");
		const { size } = statSync(file);
		const { writevSync } = fs;
		const failing = {
			writevSync: (handle: number, _: readonly NodeJS.ArrayBufferView[], at?: number) => {
				// A part of it is written before there is no room.
				writevSync(handle, [new Uint8Array(5)], at);
				throw Object.assign(new Error(code), { code });
			},
		};
		await withFileSystem(failing, async () => {
			await store.commit(batch({ b: long("b", LARGE) }));
		});
		assert.equal(statSync(file).size, size, code);
		await store.commit(batch({ c: long("c", LARGE) }));
		assert.ok(statSync(file).size > size);
		const found = store.get(["a", "b", "c"].map(bytes)).map(text);
		assert.deepEqual(
			found,
			["a", "b", "c"].map((key) => long(key, LARGE)),
		);
		await store.close();
	}
});

test("values of a commit that a failed check, or the database, refuses leave nothing behind", async () => {
	const path = newPath();
	const host = new DirectoryHost(path);
	await host.commit(batch({ first: "1" }, "strict"));
	await host.commit(batch({ a: long("a", LARGE) }));
	const file = join(path, "values", "1");
	const { size } = statSync(file);
	const refused = await host.commit(batch({ b: long("b", LARGE) }, "relaxed", { first: "2" }));
	assert.ok(!refused.applied);
	assert.equal(statSync(file).size, size);
	const failing = {
		writeSync: () => {
			throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
		},
	};
	await withFileSystem(failing, async () => {
		assert.throws(() => host.commit(batch({ b: long("b", LARGE) })), coded("UNAVAILABLE"));
	});
	assert.equal(statSync(file).size, size);
	await host.commit(batch({ c: long("c", LARGE) }));
	assert.deepEqual(host.get(["a", "b", "c"].map(bytes)).map(text), [long("a", LARGE), undefined, long("c", LARGE)]);
	await host.close();
});

test("values that rows of the database refer to are on the disk, and so are the names that lead to them", async () => {
	const path = newPath();
	const disk = new OnDisk(path);
	await disk.watching(async () => {
		const host = new DirectoryHost(path);
		await host.commit(batch({ first: "1" }, "strict"));
		for (const number of [1, 2]) {
			await host.commit(batch({ [`large ${number}`]: long(`${number}`, LARGE) }));
			await host.commit(batch({ small: `${number}` }, "strict"));
			assert.deepEqual(disk.unnamed(), []);
			const file = join(path, "values", "1");
			assert.ok(statSync(file).size > number * LARGE);
			assert.equal(disk.bytesOf(file), statSync(file).size);
		}
		await host.close();
	});
});

test("values that could not be flushed are written to another file by the next commit", async () => {
	const path = newPath();
	const host = new DirectoryHost(path);
	await host.commit(batch({ first: "1" }, "strict"));
	const other = new DirectoryHost(path);
	mock.timers.enable({ apis: ["setTimeout"] });
	try {
		await host.commit(batch({ a: long("a", LARGE) }));
		const { open } = fs.promises;
		const flushed = new Promise<void>((resolve) => {
			fs.promises.open = (async (...args: Parameters<typeof open>) => {
				const handle = await open(...args);
				const close = handle.close.bind(handle);
				handle.close = async () => {
					await close();
					setImmediate(resolve);
				};
				handle.datasync = async () => {
					throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
				};
				return handle;
			}) as typeof open;
		});
		const fdatasync = ((_: number, done: (error: Error | null) => void) => done(null)) as typeof fs.fdatasync;
		await withFileSystem({ fdatasync }, async () => {
			mock.timers.tick(1000);
			await flushed;
		});
		fs.promises.open = open;
		await withFileSystem({}, () => {});
		await new Promise(setImmediate);
		// The system tells nobody else.
		assert.throws(() => other.commit(batch({ refused: "1" }, "strict")), coded("UNAVAILABLE", /not flushed/));
		await host.commit(batch({ b: "1" }));
		const copy = newPath();
		cpSync(path, copy, { recursive: true });
		rmSync(join(copy, "lock.mdb"));
		rmSync(join(copy, "values", "1"), { force: true });
		assert.deepEqual([...(await rowsAfterwards(copy)).keys()], ["a", "b", "first"]);
		await host.commit(batch({ c: long("c", LARGE) }));
		// The first one may have been swept away by now.
		assert.equal(Math.max(...valueFiles(path)), 2);
		await host.close();
		await other.close();
	} finally {
		mock.timers.reset();
	}
	assert.deepEqual(
		[...(await rowsAfterwards(path)).values()].map((value) => value.length),
		[LARGE, 1, LARGE, 1],
	);
});

test("a file that could not be flushed is added to no more, and removed with its mark once it is unused", async () => {
	const path = newPath();
	const store = begun(path);
	store.commit({ a: long("a", LARGE) });
	writeFileSync(join(path, "values", "1.unflushed"), "");
	store.commit({ a: undefined, b: long("b", LARGE) });
	assert.deepEqual(valueFiles(path), [1, 2]);
	store.sweep();
	assert.deepEqual(fs.readdirSync(join(path, "values")), ["2"]);
	assert.equal(store.get("b"), long("b", LARGE));
	await store.environment.close();
});

test("a mark that power loss left of a file does not count for the next one of its number", async () => {
	const path = newPath();
	const store = begun(path);
	fs.mkdirSync(join(path, "values"));
	writeFileSync(join(path, "values", "1.unflushed"), "");
	store.commit({ a: long("a", LARGE) });
	store.commit({ b: "1" }, false);
	assert.deepEqual(fs.readdirSync(join(path, "values")), ["1"]);
	assert.equal(store.get("a"), long("a", LARGE));
	await store.environment.close();
});

test("a second after a relaxed commit its rows are on the disk, and the names of the files that they refer to", async () => {
	const path = newPath();
	const disk = new OnDisk(path);
	mock.timers.enable({ apis: ["setTimeout"] });
	try {
		await disk.watching(async () => {
			const store = begun(path);
			store.commit({ a: long("a", LARGE) });
			assert.ok(!disk.namesIn(join(path, "values")).includes("1"));
			mock.timers.tick(1000);
			const journal = join(path, "journal");
			const isFlushed = () => disk.namesIn(join(path, "values")).includes("1") && disk.bytesOf(journal) !== undefined;
			for (let turn = 0; turn < 10_000 && !isFlushed(); turn += 1) await new Promise(setImmediate);
			assert.deepEqual(disk.namesIn(join(path, "values")), ["1"]);
			assert.equal(disk.bytesOf(journal), statSync(journal).size);
			await store.environment.close();
		});
	} finally {
		mock.timers.reset();
	}
});

test("a file that is missing is CORRUPT for who reads its values, and for nobody else", async () => {
	const path = newPath();
	let host = new DirectoryHost(path);
	await host.commit(batch({ first: "1" }, "strict"));
	await host.commit(batch({ a: long("a", LARGE), b: "2" }));
	await host.close();
	const file = join(path, "values", "1");
	const whole = readFileSync(file);
	rmSync(file);
	const missing = (error: unknown) => {
		assert.deepEqual((error as { details: unknown }).details, { key: file });
		return coded("CORRUPT", /is missing/)(error);
	};
	host = new DirectoryHost(path);
	assert.throws(() => host.get([bytes("a")]), missing);
	assert.throws(() => host.scan({ start: bytes("a"), end: bytes("z"), limit: 9 }), missing);
	assert.deepEqual(host.get([bytes("b")]).map(text), ["2"]);
	assert.deepEqual(host.scan({ start: bytes("a"), end: bytes("z"), limit: 9, keysOnly: true }).keys.length, 3);
	writeFileSync(file, whole.subarray(0, whole.length - 1));
	assert.throws(() => host.get([bytes("a")]), coded("CORRUPT", /ends too early/));
	await host.close();
	writeFileSync(file, whole);
	host = new DirectoryHost(path);
	assert.deepEqual(host.get([bytes("a")]).map(text), [long("a", LARGE)]);
	await host.close();
});

test("what a missing file held is told row by row, and all else is verified and compacted", async () => {
	const path = newPath();
	let store = await openDirectory(path, { autoCompact: false });
	for (const space of ["first", "last"]) for (let n = 0; n < 5; n++) await store.publish(space, "s", "small");
	for (const segment of ["a", "b"])
		await store.publish("large", segment, long(segment, 4 * LARGE), { durability: "relaxed" });
	await store.close();
	const file = join(path, "values", "1");
	rmSync(file);
	store = await openDirectory(path, { autoCompact: false });
	const { entries, problems } = await store.verify();
	assert.equal(entries, 10);
	assert.deepEqual(
		problems.map(({ code, message }) => [code, message]),
		["a", "b"].map(() => ["CORRUPT", `${file}, which rows refer to, is missing`]),
	);
	assert.ok(problems.every(({ key }) => Buffer.from(key, "hex").toString().startsWith("DAT\0SEGMENTS\0large\0")));
	const { blocksBefore, blocksAfter } = await store.compact();
	assert.deepEqual([blocksBefore, blocksAfter], [24, 7]);
	await store.close();
});

test("closing leaves no journal that refers to values, so opening compares none", async () => {
	const path = newPath();
	const store = begun(path);
	store.commit({ a: long("a", LARGE) });
	assert.ok(statSync(join(path, "journal")).size > 0);
	await store.environment.close();
	assert.equal((await rowsAfterwards(path)).get("a")?.length, LARGE);
	assert.equal(statSync(join(path, "journal")).size, 0);
});

test("files that others have removed are not kept open", {
	skip: process.platform !== "linux" && "needs /proc",
}, async () => {
	const path = newPath();
	const [writer, reader] = [begun(path), new SmallFiles(path)];
	const openFiles = () =>
		fs
			.readdirSync("/proc/self/fd")
			.map((handle) => {
				try {
					return fs.readlinkSync(`/proc/self/fd/${handle}`);
				} catch {
					return "";
				}
			})
			.filter((target) => target.startsWith(path) && target.includes("values"));
	for (let round = 0; round < 60; round += 1) {
		writer.commit({ a: long(`${round}`, 60_000), b: long(`${round}`, 60_000) });
		writer.sweep();
		assert.equal(reader.rows().get("a"), long(`${round}`, 60_000));
		assert.ok(openFiles().length < 12, openFiles().join());
	}
	await writer.environment.close();
	await reader.environment.close();
	assert.deepEqual(openFiles(), []);
});

/** Stores values of a byte, 200,000 of them, until the disk is full: how many. */
async function fill(hosts: readonly DirectoryHost[], byte: number, first = 0): Promise<number> {
	const value = new Uint8Array(200_000).fill(byte);
	for (let stored = 0; ; stored += 1) {
		const puts = [{ key: numberKey(first + stored), value }];
		const host = hosts[stored % hosts.length] as DirectoryHost;
		try {
			await host.commit({ checks: [], deletes: [], puts, durability: "relaxed" });
		} catch (error) {
			coded("QUOTA_EXCEEDED")(error);
			return stored;
		}
	}
}

test("of files on a full disk in which some is used, what is unused makes room", async (t) => {
	await onSmallDisk(t, 24, async (mount) => {
		const host = new DirectoryHost(join(mount, "store"));
		await host.commit(batch({ first: "1" }, "strict"));
		const other = new DirectoryHost(join(mount, "store"));
		const hosts = [host, host, host, other];
		const stored = await fill(hosts, 1);
		const keys = Array.from({ length: stored }, (_, index) => numberKey(index));
		const isKept = (_: Bytes, index: number) => index % 4 < 2 && index % 8 > 0;
		const deletes = keys.filter((key, index) => !isKept(key, index));
		await host.commit({ checks: [], deletes, puts: [], durability: "relaxed" });
		const again = await fill(hosts, 2, stored);
		assert.ok(again > deletes.length / 4, `${again} of ${deletes.length}, which were deleted of ${stored}`);
		assert.ok(host.get(keys.filter(isKept)).every((value) => value?.length === 200_000 && value.at(-1) === 1));
		await other.close();
		await host.close();
	});
});

test("what is deleted on a full disk makes room at once", async (t) => {
	await onSmallDisk(t, 24, async (mount) => {
		const host = new DirectoryHost(join(mount, "store"));
		await host.commit(batch({ first: "1" }, "strict"));
		const other = new DirectoryHost(join(mount, "store"));
		for (let round = 0; round < 4; round += 1) {
			const stored = await fill([host, host, host, other], round + 1);
			assert.ok(stored > 60, `${stored} in round ${round}`);
			const keys = Array.from({ length: stored }, (_, index) => numberKey(index));
			assert.ok(host.get(keys).every((read) => read?.length === 200_000 && read.at(-1) === round + 1));
			await host.commit({ checks: [], deletes: keys.slice(1), puts: [], durability: "relaxed" });
			await other.commit({ checks: [], deletes: keys.slice(0, 1), puts: [], durability: "relaxed" });
		}
		await other.close();
		await host.close();
	});
});

test("processes that write, sweep and read at once lose nothing and meet no error", async () => {
	const path = newPath();
	const store = begun(path);
	const results = await Promise.all(["a", "b", "c"].map((name) => runChild("values", [path, name, "400"])));
	for (const { code, stdout, stderr } of results) {
		assert.equal(code, 0, stderr);
		assert.match(stdout, /"done":true/, stdout);
	}
	const rows = store.rows();
	for (const name of ["a", "b", "c"]) {
		for (let slot = 0; slot < 5; slot += 1) {
			const value = rows.get(`${name} ${slot}`) ?? "";
			assert.ok(value.startsWith(`${name} ${slot} `), value.slice(0, 20));
		}
	}
	assert.ok((valueFiles(path).at(-1) ?? 0) > 50);
	assert.ok(valueFiles(path).length < 30, `${valueFiles(path).length} files`);
	await store.environment.close();
});

test("what was laid aside survives the process being killed, at any moment", async () => {
	const path = newPath();
	const random = randomFrom(5);
	await begun(path).environment.close();
	let total = 0;
	for (let round = 0; round < 12; round += 1) {
		const before = Number((await rowsAfterwards(path)).get("count") ?? 0);
		const acknowledged: string[] = [];
		const target = 5 + random() * 60;
		await runChild("laying", [path, String(before)], {
			onLine: (line, child) => {
				acknowledged.push(line);
				if (acknowledged.length > target) child.kill("SIGKILL");
			},
		});
		const rows = await rowsAfterwards(path);
		const count = Number(rows.get("count"));
		assert.ok(count >= before + acknowledged.length && acknowledged.length > 0);
		for (let back = 0; back < Math.min(count, 7); back += 1) {
			const number = count - back;
			assert.equal(
				rows.get(`row ${number % 7}`),
				long(`${number} `, FILE_BYTES / 9),
				`round ${round}, ${number} of ${count}`,
			);
		}
		total = count;
	}
	assert.ok(total > 100);
	assert.ok(valueFiles(path).length < 12, `${valueFiles(path)}`);
});

test("what cannot be looked at while the journal is read leaves what others have committed", async () => {
	const path = newPath();
	const stores = [begun(path), new SmallFiles(path), new SmallFiles(path)] as const;
	const [a, b] = stores;
	a.commit({ a: long("a", LARGE) });
	b.commit({ b: long("b", LARGE) });
	a.commit({ c: "1" });
	const { openSync } = fs;
	let opened = 0;
	const failing = {
		openSync: ((...args: Parameters<typeof openSync>) => {
			if (String(args[0]).includes("values")) {
				opened += 1;
				if (opened === 2) throw Object.assign(new Error("EMFILE: too many open files"), { code: "EMFILE" });
			}
			return openSync(...args);
		}) as typeof openSync,
	};
	let late: SmallFiles | undefined;
	await withFileSystem(failing, () => {
		late = new SmallFiles(path);
		assert.throws(() => late?.rows(), { code: "EMFILE" });
	});
	const expected = stateOf(
		new Map([
			["a", long("a", LARGE)],
			["b", long("b", LARGE)],
			["c", "1"],
			["first", "1"],
		]),
	);
	for (const store of [late as SmallFiles, ...stores]) assert.equal(stateOf(store.rows()), expected);
	for (const store of [late as SmallFiles, ...stores]) await store.environment.close();
	assert.equal(stateOf(await rowsAfterwards(path)), expected);
});

test("a store that is renamed while it is open loses nothing", async () => {
	const path = newPath();
	const [host, other] = [new DirectoryHost(path), new DirectoryHost(path)];
	await host.commit(batch({ first: "1" }, "strict"));
	await host.commit(batch({ a: long("a", LARGE) }));
	await host.commit(batch({ b: "1" }));
	const moved = `${path}-moved`;
	fs.renameSync(path, moved);
	assert.throws(() => other.get([bytes("a")]), coded("UNAVAILABLE", /deleted or replaced/));
	for (const one of [host, other]) await one.close().catch(() => {});
	assert.deepEqual([...(await rowsAfterwards(moved)).keys()], ["a", "b", "first"]);
});

test("a flush covers what others have committed before", async () => {
	const path = newPath();
	const disk = new Disk(path);
	await disk.watching(async () => {
		const [store, killed] = [begun(path), new SmallFiles(path)];
		killed.commit({ a: long("a", LARGE) });
		store.commit({ b: long("b", LARGE) });
		mock.timers.enable({ apis: ["setTimeout"] });
		try {
			store.commit({ c: "1" });
		} finally {
			mock.timers.reset();
		}
		// As far as the values go, closing the one does what its flush in the background does.
		const { fdatasyncSync } = fs;
		const flushed: string[] = [];
		await withFileSystem(
			{
				fdatasyncSync: (handle) => {
					flushed.push(fs.readlinkSync(`/proc/self/fd/${handle}`).slice(path.length + 1));
					fdatasyncSync(handle);
				},
			},
			() => store.environment.close(),
		);
		assert.ok(flushed.includes("values/1") && flushed.includes("values/2"), flushed.join());
		await killed.environment.close();
	});
});

test("closing brings to the disk what rows of others refer to that stand before its own", async () => {
	const path = newPath();
	const disk = new OnDisk(path);
	await disk.watching(async () => {
		const [other, store] = [begun(path), new SmallFiles(path)];
		other.commit({ a: long("a", LARGE) });
		store.commit({ b: "1" });
		await store.environment.close();
		for (const file of [join(path, "journal"), join(path, "values", "1")]) {
			assert.ok(statSync(file).size > 0);
			assert.equal(disk.bytesOf(file), statSync(file).size);
		}
		assert.deepEqual(disk.namesIn(join(path, "values")), ["1"]);
		await other.environment.close();
	});
});

test("values that are taken back are gone on the disk before others are written in their place", async () => {
	const path = newPath();
	const disk = new OnDisk(path);
	await disk.watching(async () => {
		const store = begun(path);
		store.commit({ a: long("a", LARGE) });
		const file = join(path, "values", "1");
		const { size } = statSync(file);
		const refused = new Error("a check failed");
		assert.throws(
			() =>
				store.environment.write(() => {
					store.environment.apply({ deletes: [], puts: [{ key: bytes("b"), value: new Uint8Array(LARGE) }] }, true);
					throw refused;
				}),
			refused,
		);
		assert.equal(statSync(file).size, size);
		assert.equal(disk.bytesOf(file), size);
		await store.environment.close();
	});
});

test("values that could not be synced are never taken for durable, whoever commits next", async () => {
	const path = newPath();
	const [host, other] = [new DirectoryHost(path), new DirectoryHost(path)];
	await host.commit(batch({ first: "1" }, "strict"));
	await host.commit(batch({ a: long("a", LARGE) }));
	const { fdatasyncSync } = fs;
	let failed = 0;
	const failingOnce = {
		fdatasyncSync: (handle: number) => {
			if (failed++ === 0) throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
			fdatasyncSync(handle);
		},
	};
	await withFileSystem(failingOnce, async () => {
		assert.throws(() => host.commit(batch({ b: "1" }, "strict")), coded("UNAVAILABLE"));
	});
	// The system tells of it no more; the value is written to another file, and the old one left alone.
	assert.throws(() => other.commit(batch({ c: "1" }, "strict")), coded("UNAVAILABLE"));
	await other.commit(batch({ c: "1" }, "strict"));
	await host.commit(batch({ d: long("d", LARGE) }));
	// It may have been swept away by now.
	rmSync(join(path, "values", "1"), { force: true });
	assert.deepEqual(
		host.get(["a", "c", "d"].map(bytes)).map((value) => value?.length),
		[LARGE, 1, LARGE],
	);
	await host.close();
	await other.close();
	assert.deepEqual([...(await rowsAfterwards(path)).keys()], ["a", "c", "d", "first"]);
});

test("a file that cannot be opened to be flushed is flushed later, and nothing is written twice", async () => {
	const path = newPath();
	const store = begun(path);
	mock.timers.enable({ apis: ["setTimeout"] });
	const { open } = fs.promises;
	try {
		store.commit({ a: long("a", LARGE) });
		let refused = 0;
		fs.promises.open = () => {
			refused += 1;
			return Promise.reject(Object.assign(new Error("EMFILE"), { code: "EMFILE" }));
		};
		await withFileSystem({}, async () => {
			for (let turn = 0; turn < 10_000 && refused < 2; turn += 1) {
				mock.timers.tick(1000);
				await new Promise(setImmediate);
			}
		});
		assert.equal(refused, 2);
		store.commit({ b: "1" });
		assert.ok(statSync(join(path, "journal")).size > 60);
		assert.deepEqual(valueFiles(path), [1]);
		let synced = 0;
		fs.promises.open = (async (...args: Parameters<typeof open>) => {
			synced += 1;
			return open(...args);
		}) as typeof open;
		await withFileSystem({}, async () => {
			for (let turn = 0; turn < 10_000 && synced === 0; turn += 1) {
				mock.timers.tick(1000);
				await new Promise(setImmediate);
			}
		});
		assert.equal(synced, 1);
	} finally {
		mock.timers.reset();
		fs.promises.open = open;
		await withFileSystem({}, () => {});
		await store.environment.close();
	}
});

test("a sweep never touches the files of a store that was put in the place of its own", async () => {
	const path = newPath();
	const store = begun(path);
	for (let round = 0; round < 20; round += 1) store.commit({ a: long(`${round}`, 60_000) });
	const steps = store.environment.sweeper.sweep();
	assert.ok(steps?.next().done === false);
	const handle = fs.openSync(join(path, "values", "1"), "r");
	rmSync(path, { recursive: true });
	const fresh = begun(path);
	fresh.commit({ b: long("b", fs.fstatSync(handle).size - 200) });
	fresh.commit({ b: long("b", LARGE) });
	const before = valueFiles(path);
	try {
		while (steps.next().done !== true);
	} catch {
		// Its own files are gone.
	}
	assert.deepEqual(valueFiles(path), before);
	assert.equal(fresh.get("b"), long("b", LARGE));
	fs.closeSync(handle);
	await fresh.environment.close();
	await store.environment.close().catch(() => {});
});

test("what a sweep meets is no error of the commit before it", async () => {
	const host = new DirectoryHost(newPath());
	await host.commit(batch({ first: "1" }, "strict"));
	const { readdirSync, statSync: stat } = fs;
	let listed = 0;
	const failing = {
		readdirSync: ((...args: Parameters<typeof readdirSync>) => {
			if (listed++ > 0) throw Object.assign(new Error("EMFILE"), { code: "EMFILE" });
			return readdirSync(...args);
		}) as typeof readdirSync,
		statSync: stat,
	};
	await withFileSystem(failing, async () => {
		assert.deepEqual(await host.commit(batch({ a: long("a", LARGE) })), { applied: true });
		for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
	});
	assert.ok(listed > 1);
	await host.close();
});

test("a sweep is not led astray by reads of many files between its steps", async () => {
	const path = newPath();
	const inFile = 300;
	const files = 12;
	const writer = new SmallFiles(path, inFile * (LARGE + 30));
	writer.commit({ first: "1" }, false);
	const key = (number: number) => `key ${String(number).padStart(6, "0")}`;
	for (let number = 0; number < files * inFile; number += 50) {
		const keys = Array.from({ length: 50 }, (_, index) => key(number + index));
		writer.commit(Object.fromEntries(keys.map((key) => [key, long(key, LARGE)])));
	}
	await writer.environment.close();
	const store = new SmallFiles(path);
	store.commit({ last: long("last", LARGE) });
	const before = valueFiles(path);
	assert.ok(before.length > files, before.join());
	const steps = store.environment.sweeper.sweep();
	let taken = 0;
	while (steps?.next().done === false) {
		taken += 1;
		for (let file = 0; file < files; file += 1) store.get(key(file * inFile + 7));
	}
	assert.ok(taken >= 4, `${taken} steps`);
	assert.deepEqual(valueFiles(path), before);
	for (let number = 0; number < files * inFile; number += 1)
		assert.equal(store.get(key(number)), long(key(number), LARGE));
	await store.environment.close();
});

test("of values that are written anew, one that fails takes none of the others along", async () => {
	const path = newPath();
	const host = new DirectoryHost(path);
	await host.commit(batch({ first: "1" }, "strict"));
	const names = ["a", "b", "c"];
	for (const name of names) await host.commit(batch({ [name]: long(name, 20_000) }));
	const { fdatasyncSync, writevSync } = fs;
	let synced = 0;
	await withFileSystem(
		{
			fdatasyncSync: (handle) => {
				if (synced++ === 0) throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
				fdatasyncSync(handle);
			},
		},
		() => assert.throws(() => host.commit(batch({ d: "1" }, "strict")), coded("UNAVAILABLE")),
	);
	let written = 0;
	await withFileSystem(
		{
			writevSync: (...args: Parameters<typeof writevSync>) => {
				if (++written === 2) throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
				return writevSync(...args);
			},
		},
		async () => {
			assert.deepEqual(await host.commit(batch({ d: "1" }, "strict")), { applied: true });
		},
	);
	assert.ok(written > 2);
	await host.commit(batch({ e: long("e", 20_000) }));
	assert.deepEqual(
		host.get([...names, "e"].map(bytes)).map(text),
		[...names, "e"].map((name) => long(name, 20_000)),
	);
	await host.close();
	assert.equal((await rowsAfterwards(path)).get("a"), long("a", 20_000));
});

test("a store that takes the place of another while that is open keeps its files", async () => {
	const [path, other] = [newPath(), newPath()];
	const theirs = new DirectoryHost(other);
	await theirs.commit(batch({ first: "1" }, "strict"));
	for (const name of ["a", "b", "c"]) await theirs.commit(batch({ [name]: long(name, 20_000) }));
	await theirs.close();
	const host = new DirectoryHost(path);
	await host.commit(batch({ first: "1" }, "strict"));
	for (let file = 0; file < 3; file += 1) {
		const one = new DirectoryHost(path);
		await one.commit(batch({ a: long(`${file}`, LARGE) }));
	}
	await host.commit(batch({ a: long("a", LARGE) }));
	fs.renameSync(path, `${path}-old`);
	fs.renameSync(other, path);
	for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
	await host.close().catch(() => {});
	const rows = await rowsAfterwards(path);
	for (const name of ["a", "b", "c"]) assert.equal(rows.get(name), long(name, 20_000));
});

test("closing does not miss files that others have removed", async () => {
	const path = newPath();
	const [a, b] = [begun(path), new SmallFiles(path)];
	b.rows();
	a.commit({ x: long("x", LARGE) });
	b.commit({ y: "1" });
	a.commit({ x: undefined });
	for (let round = 0; round < 30; round += 1) {
		a.commit({ z: long(`${round}`, 60_000) }, round % 5 !== 0);
		a.sweep();
	}
	assert.ok(!valueFiles(path).includes(1));
	await b.environment.close();
	assert.ok(fs.readdirSync(join(path, "values")).every((name) => /^\d+$/.test(name)));
	await a.environment.close();
});
