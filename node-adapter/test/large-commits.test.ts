import assert from "node:assert/strict";
import { test } from "node:test";
import { LargeCommits } from "../src/journal/large-commits.js";

const MIB = 1024 * 1024;
const JOURNAL_BYTES = 16 * MIB;

/** What a disk takes, in milliseconds: one flush, and the writing of one MiB to either file. */
interface Disk {
	flush: number;
	journal: number;
	database: number;
}

/** A directory on a disk, as far as the choice goes: how many of so many commits of a size it sends to the database. */
class Directory {
	readonly #large = new LargeCommits();
	#journaled = 0;

	write(disk: Disk, count: number, bytes: number): number {
		let toDatabase = 0;
		for (let index = 0; index < count; index++) {
			if (this.#large.wayOf(bytes) === "journal" && this.#journaled + bytes <= JOURNAL_BYTES) {
				this.#journaled += bytes;
				this.#large.journaled(bytes, (bytes / MIB) * disk.journal);
			} else {
				if (this.#large.wayOf(bytes) === "database") toDatabase++;
				this.store(disk, bytes);
			}
		}
		return toDatabase;
	}

	/** A commit to the database. */
	store(disk: Disk, bytes: number): void {
		const all = this.#journaled + bytes;
		this.#journaled = 0;
		this.#large.stored(all, disk.flush + (all / MIB) * disk.database);
	}
}

const quick: Disk = { flush: 0.4, journal: 0.5, database: 1 };
const slow: Disk = { flush: 10, journal: 0.5, database: 1 };

test("large commits go to the database where the disk flushes quickly, and else to the journal", () => {
	assert.ok(new Directory().write(quick, 2000, MIB) > 1800);
	assert.ok(new Directory().write(slow, 2000, MIB) < 100);
	assert.ok(new Directory().write(slow, 2000, MIB / 2) < 200);
});

test("a disk that becomes slower or quicker is noticed", () => {
	const directory = new Directory();
	directory.write(quick, 2000, MIB);
	assert.ok(directory.write(slow, 2000, MIB) < 200);
	directory.write(quick, 1000, MIB);
	assert.ok(directory.write(quick, 2000, MIB) > 1800);
});

test("small commits go to the journal on any disk, and tell nothing of large ones", () => {
	const directory = new Directory();
	assert.equal(directory.write(quick, 20_000, 10_000), 0);
	assert.equal(directory.write(quick, 16, MIB), 0);
	directory.write(quick, 100, MIB);
	assert.equal(directory.write(quick, 20_000, 10_000), 0);
	assert.ok(directory.write(quick, 1000, MIB) > 800);
});

test("where commits that are to last come between, the journal is kept", () => {
	const directory = new Directory();
	for (let round = 0; round < 200; round++) {
		assert.equal(directory.write(quick, 3, MIB), 0);
		directory.store(quick, 1000);
	}
});
