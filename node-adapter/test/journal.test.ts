import assert from "node:assert/strict";
import fs, {
	appendFileSync,
	copyFileSync,
	cpSync,
	existsSync,
	readFileSync,
	rmSync,
	statSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { mock, test } from "node:test";
import { isStreamkitError } from "streamkit";
import { DirectoryHost } from "../src/directory/host.js";
import {
	type Change,
	checksumOf,
	decodeHeader,
	decodeRecord,
	encodeHeader,
	encodeRecord,
	recordBytes,
} from "../src/directory/journal/format.js";
import { batch, bytes, coded, numberKey, randomFrom, temporaryDirectory, text, withFileSystem } from "./support.js";

const ALL = { start: new Uint8Array([0]), end: new Uint8Array([255, 255]), limit: 1_000_000 };

function rowsOf(host: DirectoryHost): Record<string, string> {
	const { keys, values } = host.scan(ALL);
	return Object.fromEntries(keys.map((key, index) => [text(key), text(values[index])]));
}

function journalBytes(path: string): number {
	return statSync(join(path, "journal")).size;
}

/** What is on the disk right now, as a process that is killed, or a machine without power, would leave it. */
function copied(path: string, change: (journal: Buffer) => Buffer = (journal) => journal): string {
	const copy = join(temporaryDirectory(), "store");
	cpSync(path, copy, { recursive: true });
	rmSync(join(copy, "lock.mdb"));
	writeFileSync(join(copy, "journal"), change(readFileSync(join(copy, "journal"))));
	return copy;
}

async function stateOf(path: string): Promise<Record<string, string>> {
	const host = new DirectoryHost(path);
	try {
		return rowsOf(host);
	} finally {
		await host.close();
	}
}

test("records come back as they were, and none that is not whole or not in its place", () => {
	const random = randomFrom(11);
	const some = (most: number) => new Uint8Array(Math.floor(random() * most)).map(() => random() * 256);
	const changes: Change[] = [{ deletes: [], puts: [] }];
	for (let count = 0; count < 20; count += 1) {
		changes.push({
			deletes: Array.from({ length: random() * 4 }, () => some(2000)),
			puts: Array.from({ length: random() * 4 }, () => ({ key: some(30), value: some(500) })),
		});
	}
	const header = encodeHeader(2 ** 40 + 7, 0xdeadbeef);
	assert.deepEqual(decodeHeader(header), { base: 2 ** 40 + 7, checksum: checksumOf(header) });
	const records: Buffer[] = [];
	let checksum = checksumOf(header);
	const checksums = [checksum];
	for (const change of changes) {
		const record = Buffer.alloc(recordBytes(change));
		checksum = encodeRecord(change, record, checksum);
		records.push(record);
		checksums.push(checksum);
	}
	const all = Buffer.concat(records);
	let at = 0;
	for (const [index, change] of changes.entries()) {
		const read = decodeRecord(all, at, checksums[index] ?? 0);
		assert.ok(read !== undefined);
		assert.deepEqual(read.change, change);
		assert.equal(decodeRecord(all.subarray(0, read.end - 1), at, checksums[index] ?? 0), undefined);
		if (index > 0) assert.equal(decodeRecord(all, at, checksums[index - 1] ?? 0), undefined);
		at = read.end;
	}
	assert.equal(at, all.length);
	assert.equal(decodeRecord(all, at, checksum), undefined);
	for (let byte = 0; byte < header.length; byte += 1) {
		const damaged = Buffer.from(header);
		damaged.writeUInt8(header.readUInt8(byte) ^ 1, byte);
		assert.equal(decodeHeader(damaged), undefined, `byte ${byte}`);
		assert.equal(decodeHeader(header.subarray(0, byte)), undefined);
	}
});

test("a journal has the bytes that its format says", () => {
	const header = encodeHeader(7, 0xdeadbeef);
	assert.equal(header.toString("hex"), "534b4a31efbeadde07000000000000004f281eed");
	const change = { deletes: [bytes("a")], puts: [{ key: bytes("b"), value: bytes("cd") }] };
	const record = Buffer.alloc(recordBytes(change));
	encodeRecord(change, record, checksumOf(header));
	assert.equal(record.toString("hex"), "14000000b95ff9240100000001000000010061010002000000626364");
});

test("after power loss there is what some number of commits left, in their order", async () => {
	const path = join(temporaryDirectory(), "store");
	const host = new DirectoryHost(path);
	await host.commit(batch({ number: "0", gone: "yes" }, "strict"));
	const states = [rowsOf(host)];
	for (let number = 1; number <= 6; number += 1) {
		await host.commit(
			batch({ number: String(number), [`row ${number % 3}`]: `${number}`.repeat(number), gone: undefined }),
		);
		states.push(rowsOf(host));
	}
	assert.equal(new Set(states.map((state) => JSON.stringify(state))).size, 7);
	const length = journalBytes(path);
	assert.ok(length > 0);
	const found = new Set<number>();
	const check = async (change: (journal: Buffer) => Buffer, what: string) => {
		const copy = copied(path, change);
		const state = await stateOf(copy);
		const commits = states.findIndex((one) => JSON.stringify(one) === JSON.stringify(state));
		assert.ok(commits >= 0, `${what}: ${JSON.stringify(state)}`);
		found.add(commits);
		// Writing goes on from there, whatever is left of the rest.
		const again = new DirectoryHost(copy);
		await again.commit(batch({ next: "a" }));
		await again.commit(batch({ next: "b" }));
		await again.close();
		assert.deepEqual(await stateOf(copy), { ...state, next: "b" }, what);
		rmSync(copy, { recursive: true });
	};
	for (let cut = 0; cut <= length; cut += 7) await check((journal) => journal.subarray(0, cut), `cut to ${cut}`);
	for (let byte = 0; byte < length; byte += 5) {
		await check((journal) => {
			journal.writeUInt8(journal.readUInt8(byte) ^ 0x40, byte);
			return journal;
		}, `byte ${byte} damaged`);
	}
	// A file that has its length and not its contents.
	await check((journal) => journal.fill(0, 100), "zeros");
	await check((journal) => Buffer.concat([journal, Buffer.alloc(5000)]), "zeros behind");
	assert.deepEqual([...found].sort(), [0, 1, 2, 3, 4, 5, 6]);
	await host.close();
});

test("a strict commit takes along what is in the journal, and the journal is empty again", async () => {
	const path = join(temporaryDirectory(), "store");
	const host = new DirectoryHost(path);
	const other = new DirectoryHost(path);
	await host.commit(batch({ a: "1", b: "1" }, "strict"));
	assert.equal(journalBytes(path), 0);
	await host.commit(batch({ b: "2", c: "2" }));
	await other.commit(batch({ a: undefined, d: "2" }));
	assert.ok(journalBytes(path) > 0);
	assert.deepEqual(await stateOf(copied(path, () => Buffer.alloc(0))), { a: "1", b: "1" });
	await host.commit(batch({ c: "3" }, "strict"));
	const expected = { b: "2", c: "3", d: "2" };
	assert.deepEqual(rowsOf(host), expected);
	assert.deepEqual(rowsOf(other), expected);
	assert.deepEqual(await stateOf(copied(path, () => Buffer.alloc(0))), expected);
	assert.equal(journalBytes(path), 0);
	await host.close();
	await other.close();
});

test("a strict commit that deletes only what was never in the database takes the journal along all the same", async () => {
	const path = join(temporaryDirectory(), "store");
	const host = new DirectoryHost(path);
	const other = new DirectoryHost(path);
	await host.commit(batch({ a: "1" }, "strict"));
	await host.commit(batch({ b: "1" }));
	await host.commit(batch({ b: undefined, c: undefined }, "strict"));
	for (const one of [host, other]) assert.deepEqual(rowsOf(one), { a: "1" });
	assert.deepEqual(await stateOf(copied(path)), { a: "1" });
	await other.commit(batch({ d: "1" }));
	await other.commit(batch({ d: undefined }));
	await other.commit(batch({ d: undefined }, "strict"));
	for (const one of [host, other]) assert.deepEqual(rowsOf(one), { a: "1" });
	await host.commit(batch({ a: undefined }, "strict"));
	await host.commit(batch({ a: undefined }, "strict"));
	for (const one of [host, other]) assert.deepEqual(rowsOf(one), {});
	await host.close();
	await other.close();
	assert.deepEqual(await stateOf(path), {});
});

test("closing needs no strict commit: what is in the journal is there when opened again", async () => {
	const path = join(temporaryDirectory(), "store");
	for (let round = 0; round < 3; round += 1) {
		const host = new DirectoryHost(path);
		await host.commit(batch({ [`round ${round}`]: "x" }, round === 0 ? "strict" : "relaxed"));
		await host.close();
	}
	assert.ok(journalBytes(path) > 0);
	assert.deepEqual(await stateOf(path), { "round 0": "x", "round 1": "x", "round 2": "x" });
});

test("a check sees what is in the journal, of whichever process", async () => {
	const path = join(temporaryDirectory(), "store");
	const one = new DirectoryHost(path);
	const two = new DirectoryHost(path);
	await one.commit(batch({ a: "1" }, "strict"));
	await one.commit(batch({ a: "2", b: "2" }));
	for (const durability of ["relaxed", "strict"] as const) {
		const failed = await two.commit(batch({ c: "3" }, durability, { a: "1" }));
		assert.ok(!failed.applied);
		assert.equal(text(failed.current), "2");
		const absent = await two.commit(batch({ c: "3" }, durability, { b: undefined }));
		assert.ok(!absent.applied && text(absent.current) === "2");
	}
	assert.deepEqual(await two.commit(batch({ a: "3" }, "relaxed", { a: "2" })), { applied: true });
	assert.deepEqual(rowsOf(one), { a: "3", b: "2" });
	await one.close();
	await two.close();
});

test("two hosts with either durability agree with a model, in all ranges", async () => {
	const path = join(temporaryDirectory(), "store");
	const hosts = [new DirectoryHost(path), new DirectoryHost(path)] as const;
	const random = randomFrom(23);
	const name = () => String.fromCharCode(97 + random() * 5, 97 + random() * 5);
	const model = new Map<string, string>();
	let journaled = 0;
	for (let step = 0; step < 1500; step += 1) {
		const host = hosts[step % 3 === 0 ? 1 : 0];
		const changes: Record<string, string | undefined> = {};
		for (let count = random() * 4; count > 0; count -= 1) changes[name()] = random() < 0.4 ? undefined : String(step);
		await host.commit(batch(changes, random() < 0.05 ? "strict" : "relaxed"));
		for (const [key, value] of Object.entries(changes)) {
			if (value === undefined) model.delete(key);
			else model.set(key, value);
		}
		if (journalBytes(path) > 0) journaled += 1;
		const reader = hosts[step % 2] as DirectoryHost;
		const key = name();
		assert.equal(text(reader.get([bytes(key)])[0]), model.get(key));
		const [start = "", end = ""] = [name(), name()].sort();
		const reverse = random() < 0.5;
		const limit = 1 + Math.floor(random() * 6);
		const inside = [...model.keys()].filter((one) => one >= start && one < end).sort();
		if (reverse) inside.reverse();
		const page = reader.scan({ start: bytes(start), end: bytes(end), limit, reverse });
		assert.deepEqual(page.keys.map(text), inside.slice(0, limit));
		assert.deepEqual(
			page.values.map(text),
			inside.slice(0, limit).map((one) => model.get(one)),
		);
		assert.equal(page.more, inside.length > limit);
		const keysOnly = reader.scan({ start: bytes(start), end: bytes(end), limit, reverse, keysOnly: true });
		assert.deepEqual(keysOnly.keys, page.keys);
	}
	assert.ok(journaled > 1000, String(journaled));
	for (const host of hosts) await host.close();
	assert.deepEqual(await stateOf(path), Object.fromEntries([...model].sort(([a], [b]) => (a < b ? -1 : 1))));
});

test("many rows that were written between two looks at the journal are read in the order of their bytes", async () => {
	const path = join(temporaryDirectory(), "store");
	const hosts = [new DirectoryHost(path), new DirectoryHost(path)] as const;
	await hosts[0].commit(batch({ a: "first" }, "strict"));
	const random = randomFrom(29);
	const keys = new Set<string>(["61"]);
	for (const count of [1, 31, 32, 33, 34, 200, 2, 500]) {
		for (let written = 0; written < count; written += 1) {
			const key = Buffer.from([random() * 255, random() * 256]);
			keys.add(key.toString("hex"));
			const host = hosts[written % 2] as DirectoryHost;
			await host.commit({ ...batch({}, "relaxed"), puts: [{ key, value: bytes(String(count)) }] });
		}
		const inside = [...keys].sort();
		for (const host of hosts) {
			const hex = (page: { keys: readonly Uint8Array[] }) => page.keys.map((key) => Buffer.from(key).toString("hex"));
			const whole = { start: new Uint8Array(0), end: new Uint8Array(3).fill(255), limit: 10_000 };
			assert.deepEqual(hex(host.scan(whole)), inside);
			assert.deepEqual(hex(host.scan({ ...whole, reverse: true, keysOnly: true })), inside.toReversed());
		}
	}
	assert.ok(journalBytes(path) > 0);
	for (const host of hosts) await host.close();
});

test("arrays of rows in the journal belong to whom they are given, arrays given to it are copied", async () => {
	const path = join(temporaryDirectory(), "store");
	const host = new DirectoryHost(path);
	await host.commit(batch({ first: "1" }, "strict"));
	const key = bytes("key");
	const value = bytes("value");
	await host.commit({ checks: [], deletes: [], puts: [{ key, value }], durability: "relaxed" });
	assert.ok(journalBytes(path) > 0);
	key.fill(0);
	value.fill(0);
	for (let round = 0; round < 2; round += 1) {
		const [read] = host.get([bytes("key")]);
		const page = host.scan({ start: bytes("key"), end: bytes("kez"), limit: 2 });
		const found = [read, ...page.keys, ...page.values];
		assert.deepEqual(found.map(text), ["value", "key", "value"]);
		for (const array of found) {
			assert.equal(Object.getPrototypeOf(array), Uint8Array.prototype);
			array?.fill(9);
		}
	}
	await host.close();
});

test("a journal that does not belong to the data is dropped", async () => {
	const path = join(temporaryDirectory(), "store");
	const backup = join(temporaryDirectory(), "data.mdb");
	let host = new DirectoryHost(path);
	await host.commit(batch({ a: "1" }, "strict"));
	await host.close();
	copyFileSync(join(path, "data.mdb"), backup);
	host = new DirectoryHost(path);
	await host.commit(batch({ a: "2" }, "strict"));
	await host.commit(batch({ a: "3" }));
	await host.close();
	const journal = readFileSync(join(path, "journal"));
	assert.ok(journal.length > 0);
	// The data of before, or those of a new store, beside a journal of later.
	copyFileSync(backup, join(path, "data.mdb"));
	assert.deepEqual(await stateOf(path), { a: "1" });
	assert.equal(journalBytes(path), 0);
	const anew = join(temporaryDirectory(), "store");
	await new DirectoryHost(anew).close();
	copyFileSync(join(anew, "data.mdb"), join(path, "data.mdb"));
	writeFileSync(join(path, "journal"), journal);
	host = new DirectoryHost(path);
	for (const number of ["1", "2", "3"]) {
		await host.commit(batch({ new: number }));
		assert.deepEqual(rowsOf(host), { new: number });
	}
	await host.close();
	assert.deepEqual(await stateOf(path), { new: "3" });
});

test("what a killed process left of a record is not in the way of the next one", async () => {
	const path = join(temporaryDirectory(), "store");
	const host = new DirectoryHost(path);
	await host.commit(batch({ a: "1" }, "strict"));
	await host.commit(batch({ a: "2" }));
	const whole = readFileSync(join(path, "journal"));
	await host.commit(batch({ a: "3" }));
	const record = readFileSync(join(path, "journal")).subarray(whole.length);
	truncateSync(join(path, "journal"), whole.length + record.length - 1);
	const other = new DirectoryHost(path);
	assert.deepEqual(rowsOf(other), { a: "2" });
	await other.commit(batch({ b: "4" }));
	// A whole record again behind it, which is not in its place there.
	appendFileSync(join(path, "journal"), record);
	assert.deepEqual(await stateOf(copied(path)), { a: "2", b: "4" });
	await other.commit(batch({ b: "5" }));
	assert.deepEqual(rowsOf(other), { a: "2", b: "5" });
	await other.close();
	await host.close();
});

test("the journal stays small, however much is written", async () => {
	const path = join(temporaryDirectory(), "store");
	const host = new DirectoryHost(path);
	const value = new Uint8Array(15_000);
	const count = 4000;
	let largest = 0;
	for (let row = 0; row < count; row += 10) {
		value.fill(row / 10);
		const puts = Array.from({ length: 10 }, (_, index) => ({ key: numberKey(row + index), value }));
		await host.commit({ checks: [], deletes: [], puts, durability: "relaxed" });
		largest = Math.max(largest, journalBytes(path));
	}
	assert.ok(largest > 4 * 1024 * 1024 && largest <= 16 * 1024 * 1024, String(largest));
	for (let row = 0; row < 12_000; row += 100) {
		const keys = Array.from({ length: 100 }, (_, index) => numberKey(1_000_000 + row + index));
		await host.commit({ checks: [], deletes: keys, puts: [], durability: "relaxed" });
		largest = Math.max(largest, journalBytes(path));
	}
	const before = journalBytes(path);
	value.fill(1);
	const puts = Array.from({ length: 300 }, (_, index) => ({ key: numberKey(index + 1), value }));
	await host.commit({ checks: [], deletes: [], puts, durability: "relaxed" });
	assert.ok(journalBytes(path) <= before, "what would fill it goes to the database");
	const { keys, values } = host.scan({ start: numberKey(0), end: numberKey(1e9), limit: 2 * count });
	assert.equal(keys.length, count);
	for (const [row, read] of values.entries()) {
		const expected = row >= 1 && row <= 300 ? 1 : Math.floor(row / 10) % 256;
		assert.ok(read.length === value.length && read.every((byte) => byte === expected), `row ${row}`);
	}
	await host.close();
});

function inputOutputError(): NodeJS.ErrnoException {
	return Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
}

test("a journal that was made, or dropped, or cut is so on the disk before it is written to again", async () => {
	const path = join(temporaryDirectory(), "store");
	let host = new DirectoryHost(path);
	await host.commit(batch({ a: "1" }, "strict"));
	await host.close();
	const backup = readFileSync(join(path, "data.mdb"));
	const opened = async (): Promise<string[]> => {
		const flushed: string[] = [];
		const { fsyncSync, fdatasyncSync } = fs;
		const flush = (then: (handle: number) => void) => (handle: number) => {
			const flushing = fs.fstatSync(handle);
			if (flushing.isDirectory()) flushed.push(existsSync(join(path, "wake")) ? "directory" : "directory with data");
			else if (flushing.ino === statSync(join(path, "data.mdb")).ino) flushed.push("data");
			else flushed.push(`journal of ${journalBytes(path)} bytes`);
			then(handle);
		};
		await withFileSystem({ fsyncSync: flush(fsyncSync), fdatasyncSync: flush(fdatasyncSync) }, async () => {
			host = new DirectoryHost(path);
		});
		return flushed;
	};
	for (const name of ["journal", "wake"]) rmSync(join(path, name));
	// What is made later says that there were data.
	assert.deepEqual(await opened(), ["data", "directory with data", "directory"]);
	await host.commit(batch({ a: "2" }, "strict"));
	await host.commit(batch({ a: "3" }));
	await host.close();
	assert.deepEqual(await opened(), []);
	await host.close();

	const whole = journalBytes(path);
	appendFileSync(join(path, "journal"), Buffer.alloc(10));
	assert.deepEqual(await opened(), [`journal of ${whole} bytes`]);
	await host.close();

	writeFileSync(join(path, "data.mdb"), backup);
	assert.deepEqual(await opened(), ["journal of 0 bytes"]);
	assert.deepEqual(rowsOf(host), { a: "1" });
	await host.close();
});

test("a record that is cut short by an error is none, and what was there before is", async () => {
	const path = join(temporaryDirectory(), "store");
	const host = new DirectoryHost(path);
	const other = new DirectoryHost(path);
	await host.commit(batch({ a: "1" }, "strict"));
	const { writeSync } = fs;
	const expected: Record<string, string> = { a: "1" };
	for (const [code, expectedCode] of [
		["ENOSPC", "QUOTA_EXCEEDED"],
		["EFBIG", "QUOTA_EXCEEDED"],
		["EIO", "UNAVAILABLE"],
	] as const) {
		// The first record of a journal, and one behind others.
		for (const name of ["first", "next"]) {
			const before = journalBytes(path);
			let written = 0;
			const failing = (handle: number, bytes: Uint8Array, from: number, length: number, at: number) => {
				if (written > 0) throw Object.assign(new Error(`${code}: no more`), { code });
				written = writeSync(handle, bytes, from, length - 3, at);
				return written;
			};
			await withFileSystem({ writeSync: failing as typeof writeSync }, async () => {
				const commit = async () => host.commit(batch({ a: "half", [name]: code }));
				await assert.rejects(commit, (error: unknown) => {
					assert.ok(isStreamkitError(error, expectedCode), String(error));
					assert.equal((error.details as { applied?: unknown }).applied, false);
					return true;
				});
			});
			assert.ok(written > 0);
			assert.equal(journalBytes(path), before);
			await (name === "first" ? other : host).commit(batch({ [name]: code }));
			expected[name] = code;
			for (const one of [host, other]) assert.deepEqual(rowsOf(one), expected);
		}
		await other.commit(batch({ code }, "strict"));
		expected["code"] = code;
		for (const one of [host, other]) assert.deepEqual(rowsOf(one), Object.fromEntries(Object.entries(expected).sort()));
	}
	await host.close();
	await other.close();
});

test("a journal that cannot be read is an error with a code, and not an empty one", async () => {
	const path = join(temporaryDirectory(), "store");
	const host = new DirectoryHost(path);
	await host.commit(batch({ a: "1" }, "strict"));
	await host.commit(batch({ a: "2" }));
	const other = new DirectoryHost(path);
	const failing = () => {
		throw inputOutputError();
	};
	await withFileSystem({ readSync: failing as typeof fs.readSync }, async () => {
		for (const one of [host, other]) {
			assert.throws(() => one.get([bytes("a")]), coded("UNAVAILABLE", /EIO/));
			assert.throws(() => one.scan(ALL), coded("UNAVAILABLE", /EIO/));
			for (const durability of ["relaxed", "strict"] as const) {
				await assert.rejects(async () => one.commit(batch({ a: "3" }, durability)), coded("UNAVAILABLE", /EIO/));
			}
		}
		assert.throws(() => new DirectoryHost(path), coded("UNAVAILABLE", /EIO/));
	});
	for (const one of [host, other]) assert.deepEqual(rowsOf(one), { a: "2" });
	await host.close();
	await other.close();
});

test("what cannot be flushed is an error when closing, and goes to the database with the next commit", async () => {
	const path = join(temporaryDirectory(), "store");
	const failing = {
		fdatasyncSync: () => {
			throw inputOutputError();
		},
		fdatasync: ((_: number, done: (error: Error | null) => void) => done(inputOutputError())) as typeof fs.fdatasync,
	};
	const host = new DirectoryHost(path);
	await host.commit(batch({ a: "1" }, "strict"));
	await host.commit(batch({ a: "2" }));
	await withFileSystem(failing, async () => {
		await assert.rejects(() => host.close(), coded("UNAVAILABLE", /closing.*EIO/));
	});
	assert.deepEqual(await stateOf(path), { a: "2" });

	mock.timers.enable({ apis: ["setTimeout"] });
	try {
		const again = new DirectoryHost(path);
		await again.commit(batch({ b: "1" }));
		await withFileSystem(failing, async () => {
			mock.timers.tick(1000);
			await new Promise(setImmediate);
		});
		await again.commit(batch({ c: "1" }));
		assert.deepEqual(await stateOf(copied(path, () => Buffer.alloc(0))), { a: "2", b: "1", c: "1" });
		const before = journalBytes(path);
		await again.commit(batch({ d: "1" }));
		assert.ok(journalBytes(path) < before);
		await again.close();
	} finally {
		mock.timers.reset();
	}
	assert.deepEqual(await stateOf(path), { a: "2", b: "1", c: "1", d: "1" });
});

test("a flush that fails counts against what was written while it ran as well", async () => {
	const path = join(temporaryDirectory(), "store");
	const host = new DirectoryHost(path);
	await host.commit(batch({ a: "1" }, "strict"));
	let fail = (): void => {};
	const slow = {
		fdatasync: ((_: number, done: (error: Error | null) => void) => {
			fail = () => done(inputOutputError());
		}) as typeof fs.fdatasync,
	};
	mock.timers.enable({ apis: ["setTimeout"] });
	try {
		await withFileSystem(slow, async () => {
			await host.commit(batch({ b: "1" }));
			mock.timers.tick(1000);
			await new Promise(setImmediate);
			await host.commit(batch({ c: "1" }, "strict"));
			await host.commit(batch({ d: "1" }));
			fail();
		});
		assert.ok(journalBytes(path) > 0);
		await host.commit(batch({ e: "1" }));
		assert.deepEqual(await stateOf(copied(path, () => Buffer.alloc(0))), { a: "1", b: "1", c: "1", d: "1", e: "1" });
	} finally {
		mock.timers.reset();
		await host.close();
	}
});

test("closing waits for every flush that has begun", async () => {
	const host = new DirectoryHost(join(temporaryDirectory(), "store"));
	await host.commit(batch({ a: "1" }, "strict"));
	const flushes: (() => void)[] = [];
	const slow = {
		fdatasync: ((_: number, done: (error: Error | null) => void) => {
			flushes.push(() => done(null));
		}) as typeof fs.fdatasync,
	};
	mock.timers.enable({ apis: ["setTimeout"] });
	try {
		await withFileSystem(slow, async () => {
			for (const value of ["2", "3"]) {
				await host.commit(batch({ a: value }));
				mock.timers.tick(1000);
			}
			await new Promise(setImmediate);
			let closed = false;
			const closing = host.close().then(() => {
				closed = true;
			});
			assert.equal(flushes.length, 1);
			flushes[0]?.();
			await new Promise(setImmediate);
			assert.equal(flushes.length, 2);
			assert.equal(closed, false);
			flushes[1]?.();
			await closing;
		});
	} finally {
		mock.timers.reset();
	}
});
