import { closeSync, fdatasyncSync, fstatSync, ftruncateSync, openSync, writevSync } from "node:fs";
import { codeOf } from "../../errors.js";
import type { FileIdentity } from "../file-identity.js";
import { readAll } from "../read-all.js";
import { checksumOf } from "./checksum.js";
import { decodeHead, LONGEST_HEAD } from "./format.js";
import type { Place } from "./reference.js";

/** From so many bytes on, a value may be laid aside. */
export const LARGE_VALUE_BYTES = 16 * 1024;

/** A value that was laid aside, and the key of the row that was to refer to it. */
export interface LaidAside {
	readonly key: Uint8Array;
	readonly place: Place;
}

/** The number of a file and its bytes. */
export interface FileSize {
	readonly file: number;
	readonly size: number;
}

/** Some of what is in a file, and where the next is; "damaged": there may be more that cannot be told. */
export interface Contents {
	readonly values: readonly LaidAside[];
	readonly next: number | "end" | "damaged";
}

// No file has that number: it is refused.
const CLOSED = 2 ** 31 - 1;

/** One open file of values. Values are added at its end and never change. */
export class ValueFile {
	readonly number: number;
	/** What tells it from every other file. */
	readonly identity: FileIdentity;
	#handle: number;

	/** Opens the file at a path; `isNew`: makes it, and fails where there is one. */
	constructor(path: string, number: number, isNew: boolean) {
		this.number = number;
		this.#handle = isNew ? openSync(path, "wx+") : openExisting(path);
		this.identity = fstatSync(this.#handle, { bigint: true });
	}

	/** Bytes of the file. */
	get size(): number {
		return fstatSync(this.#handle).size;
	}

	/** Whether it is in no directory any more. */
	isRemoved(): boolean {
		return fstatSync(this.#handle).nlink === 0;
	}

	/** Writes so many bytes at an offset. */
	write(parts: readonly Uint8Array[], bytes: number, offset: number): void {
		let left: readonly Uint8Array[] = parts;
		for (let written = 0; written < bytes; ) {
			let step = writevSync(this.#handle, left, offset + written);
			written += step;
			if (written === bytes) return;
			const whole = left.findIndex((part) => {
				if (part.length > step) return true;
				step -= part.length;
				return false;
			});
			left = left.slice(whole).map((part, index) => (index === 0 ? part.subarray(step) : part));
		}
	}

	/** Cuts off what is behind an offset. */
	cut(offset: number): void {
		ftruncateSync(this.#handle, offset);
	}

	/** Gives its room back, whoever has it open. */
	empty(): void {
		try {
			this.cut(0);
		} catch {
			// Another user's.
		}
	}

	/** A value; undefined where the file ends before it does. */
	read({ offset, length }: Place): Uint8Array<ArrayBuffer> | undefined {
		const value = Buffer.allocUnsafeSlow(length);
		return readAll(this.#handle, value, offset) === length ? new Uint8Array(value.buffer) : undefined;
	}

	/** Whether a value is there, as far as its checksum tells. */
	holds(place: Place): boolean {
		const value = this.read(place);
		return value !== undefined && checksumOf(value) === place.checksum;
	}

	/**
	 * What is in its first `size` bytes from an offset on, so many values, without the end of a commit that was not written
	 * whole.
	 */
	contents(offset: number, size: number, most: number): Contents {
		const values: LaidAside[] = [];
		const buffer = Buffer.allocUnsafe(LONGEST_HEAD);
		let at = offset;
		while (size - at > LARGE_VALUE_BYTES) {
			if (values.length === most) return { values, next: at };
			const head = decodeHead(buffer.subarray(0, readAll(this.#handle, buffer, at)));
			if (head === undefined) return { values, next: "damaged" };
			const begin = at + head.bytes;
			at = begin + head.length;
			if (at > size) break;
			const { length, checksum } = head;
			values.push({ key: head.key, place: { file: this.number, offset: begin, length, checksum } });
		}
		return { values, next: "end" };
	}

	/** Brings it to the disk. */
	sync(): void {
		fdatasyncSync(this.#handle);
	}

	close(): void {
		closeSync(this.#handle);
		// The number may be another file's from now on.
		this.#handle = CLOSED;
	}
}

/** Of another user's file it is enough that it may be read. */
function openExisting(path: string): number {
	try {
		return openSync(path, "r+");
	} catch (error) {
		if (codeOf(error) !== "EACCES") throw error;
		return openSync(path, "r");
	}
}
