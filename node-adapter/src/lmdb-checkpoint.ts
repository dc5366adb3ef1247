import { execFileSync } from "node:child_process";
import {
	closeSync,
	existsSync,
	fdatasyncSync,
	openSync,
	readFileSync,
	readSync,
	renameSync,
	rmSync,
	unlinkSync,
	writeSync,
} from "node:fs";
import { join } from "node:path";
import * as lmdb from "lmdb";
import { StreamkitError } from "streamkit";
import { crc32 } from "./crc32.js";
import { DATA_FILE, syncDirectory } from "./directory-layout.js";

/**
 * The file that is there exactly while commits may be in the page cache only. It holds what LMDB's header was at a
 * commit all of whose pages are on the disk, and none of whose pages are reused meanwhile: see docs/durability.md.
 *
 *     slot (8 of them, each rounded up to 4096 bytes), little-endian
 *     0   magic "SKCHKPT1"
 *     8   u32  CRC-32 of what follows, up to the end of the pages
 *     12  u32  bytes of one page
 *     16  f64  number of the commit
 *     24  40 B identity of the system's run (boot id), ASCII, zero-padded
 *     64  LMDB's two header pages as they were after that commit
 */
export const CHECKPOINT_FILE = "checkpoint";

const MAGIC = "SKCHKPT1";
const HEADER_BYTES = 64;
const BOOT_ID_BYTES = 40;
// At any time one slot must be whole on the disk while others are being written, one by each writing process.
const SLOTS = 8;
const ALIGN = 4096;

/** LMDB's header as of one commit. */
export interface Checkpoint {
	readonly commit: number;
	readonly bootId: string;
	readonly pageSize: number;
	/** The first two pages of the data file. */
	readonly header: Uint8Array;
}

/** The checkpoint file of one directory. Writing it is for whoever holds LMDB's write lock. */
export class CheckpointFile {
	readonly path: string;
	readonly #directory: string;

	constructor(directory: string) {
		this.#directory = directory;
		this.path = join(directory, CHECKPOINT_FILE);
	}

	/** Whether commits may be in the page cache only. */
	exists(): boolean {
		return existsSync(this.path);
	}

	/** The latest whole checkpoint, if there is one. */
	latest(): Checkpoint | undefined {
		return this.#slots().latest;
	}

	/** Writes a checkpoint over the oldest one. Where it makes the file, that is on the disk when this returns. */
	write(checkpoint: Checkpoint): void {
		const slotBytes = slotSize(checkpoint.pageSize);
		const slot = encode(checkpoint, slotBytes);
		if (this.exists()) {
			writeAt(this.path, "r+", slot, this.#slots().oldest * slotBytes, false);
			return;
		}
		// Renamed into place, so that whoever sees the file finds a whole checkpoint in it.
		const temporary = `${this.path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
		try {
			// With room for all slots, so that no later checkpoint can fail for lack of it.
			const file = new Uint8Array(SLOTS * slotBytes);
			file.set(slot);
			writeAt(temporary, "wx", file, 0, true);
			renameSync(temporary, this.path);
		} catch (error) {
			rmSync(temporary, { force: true });
			throw error;
		}
		syncDirectory(this.#directory);
	}

	/** Removes the file, for good once this returns: all commits are on the disk. */
	remove(): void {
		unlinkSync(this.path);
		syncDirectory(this.#directory);
	}

	#slots(): { latest: Checkpoint | undefined; oldest: number } {
		let bytes: Uint8Array;
		try {
			bytes = readFileSync(this.path);
		} catch {
			return { latest: undefined, oldest: 0 };
		}
		let latest: Checkpoint | undefined;
		let oldest = 0;
		let oldestCommit = Number.POSITIVE_INFINITY;
		const slotBytes = slotSize(pageSizeOf(bytes));
		for (let index = 0; index < SLOTS; index += 1) {
			const found = decode(bytes.subarray(index * slotBytes, (index + 1) * slotBytes));
			if (found !== undefined && (latest === undefined || found.commit > latest.commit)) latest = found;
			const commit = found?.commit ?? Number.NEGATIVE_INFINITY;
			if (commit < oldestCommit) {
				oldest = index;
				oldestCommit = commit;
			}
		}
		return { latest, oldest };
	}
}

/** Reads LMDB's header as it is now. */
export function readHeader(dataHandle: number, pageSize: number): Uint8Array {
	const header = new Uint8Array(2 * pageSize);
	let read = 0;
	while (read < header.length) {
		const count = readSync(dataHandle, header, read, header.length - read, read);
		if (count === 0) throw new Error(`${DATA_FILE} is shorter than its header`);
		read += count;
	}
	return header;
}

/**
 * After a restart of the system: brings a store back to the last commit that is known to be whole on the disk, if
 * commits were in the page cache only. To be called before LMDB opens the directory. Any number of processes may
 * call it at once.
 */
export function recover(directory: string, bootId: string | undefined): void {
	const file = new CheckpointFile(directory);
	if (!needsRecovery(file, bootId)) return;
	// A lock between processes that a crash lets go of: the write lock of an LMDB environment that stays empty.
	const lock = lmdb.open({ path: join(directory, "recovery.mdb"), noSubdir: true, overlappingSync: false, maxDbs: 1 });
	try {
		lock.transactionSync(() => {
			if (needsRecovery(file, bootId)) rollBack(directory, file);
			return lmdb.ABORT;
		});
	} finally {
		void lock.close();
	}
}

function needsRecovery(file: CheckpointFile, bootId: string | undefined): boolean {
	if (!file.exists()) return false;
	const latest = file.latest();
	if (latest !== undefined) return latest.bootId !== bootId;
	if (!file.exists()) return false;
	throw new StreamkitError("CORRUPT", `${file.path} is damaged, so it is not known which commits are whole`, {
		details: { key: file.path },
	});
}

function rollBack(directory: string, file: CheckpointFile): void {
	const checkpoint = file.latest();
	if (checkpoint !== undefined) writeAt(join(directory, DATA_FILE), "r+", checkpoint.header, 0, true);
	file.remove();
}

function writeAt(path: string, flags: string, bytes: Uint8Array, position: number, sync: boolean): void {
	const handle = openSync(path, flags);
	try {
		let written = 0;
		while (written < bytes.length) {
			written += writeSync(handle, bytes, written, bytes.length - written, position + written);
		}
		if (sync) fdatasyncSync(handle);
	} finally {
		closeSync(handle);
	}
}

let knownBootId: string | undefined | null = null;

/** What identifies this run of the operating system: the page cache is lost when it changes. undefined: not known here. */
export function currentBootId(): string | undefined {
	if (knownBootId === null) knownBootId = readBootId();
	return knownBootId;
}

function readBootId(): string | undefined {
	try {
		const id =
			process.platform === "linux"
				? readFileSync("/proc/sys/kernel/random/boot_id", "latin1")
				: process.platform === "darwin"
					? execFileSync("/usr/sbin/sysctl", ["-n", "kern.bootsessionuuid"], { encoding: "latin1" })
					: "";
		const text = id.trim();
		return text.length >= 32 && text.length <= BOOT_ID_BYTES ? text : undefined;
	} catch {
		return undefined;
	}
}

function slotSize(pageSize: number): number {
	return Math.ceil((HEADER_BYTES + 2 * pageSize) / ALIGN) * ALIGN;
}

function pageSizeOf(bytes: Uint8Array): number {
	// Every slot of a file has the same page size; the first one was whole before any other was written, but may be
	// torn now, so each place where a slot can begin is tried.
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	for (let at = 0; at + HEADER_BYTES <= bytes.length; at += ALIGN) {
		if (!hasMagic(bytes, at)) continue;
		const pageSize = view.getUint32(at + 12, true);
		if (pageSize >= 512 && pageSize <= 65536 && at % slotSize(pageSize) === 0) return pageSize;
	}
	return ALIGN;
}

function hasMagic(bytes: Uint8Array, at: number): boolean {
	for (let index = 0; index < MAGIC.length; index += 1) {
		if (bytes[at + index] !== MAGIC.charCodeAt(index)) return false;
	}
	return true;
}

function encode(checkpoint: Checkpoint, slotBytes: number): Uint8Array {
	const slot = new Uint8Array(slotBytes);
	const view = new DataView(slot.buffer);
	for (let index = 0; index < MAGIC.length; index += 1) slot[index] = MAGIC.charCodeAt(index);
	view.setUint32(12, checkpoint.pageSize, true);
	view.setFloat64(16, checkpoint.commit, true);
	for (let index = 0; index < checkpoint.bootId.length; index += 1) {
		slot[24 + index] = checkpoint.bootId.charCodeAt(index);
	}
	slot.set(checkpoint.header, HEADER_BYTES);
	view.setUint32(8, crc32(slot.subarray(12, HEADER_BYTES + checkpoint.header.length)), true);
	return slot;
}

function decode(slot: Uint8Array): Checkpoint | undefined {
	if (slot.length < HEADER_BYTES || !hasMagic(slot, 0)) return undefined;
	const view = new DataView(slot.buffer, slot.byteOffset, slot.byteLength);
	const pageSize = view.getUint32(12, true);
	const end = HEADER_BYTES + 2 * pageSize;
	if (end > slot.length || crc32(slot.subarray(12, end)) !== view.getUint32(8, true)) return undefined;
	let bootId = "";
	for (let index = 24; index < 24 + BOOT_ID_BYTES; index += 1) {
		const code = slot[index] ?? 0;
		if (code === 0) break;
		bootId += String.fromCharCode(code);
	}
	return { commit: view.getFloat64(16, true), bootId, pageSize, header: slot.slice(HEADER_BYTES, end) };
}
