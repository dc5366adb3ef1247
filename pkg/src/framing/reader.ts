import type { Bytes } from "../common/bytes.js";
import { decodeUtf8 } from "../common/utf8.js";
import { StreamkitError } from "../errors.js";

/** Reads the little-endian frames that the engine gives. */
export class FrameReader {
	readonly bytes: Bytes;
	readonly #view: DataView;
	at = 0;

	constructor(bytes: Bytes) {
		this.bytes = bytes;
		this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	}

	u8(): number {
		this.#need(1);
		return this.bytes[this.at++] as number;
	}

	u32(): number {
		this.#need(4);
		const value = this.#view.getUint32(this.at, true);
		this.at += 4;
		return value;
	}

	/** A u64 that must be a safe integer. */
	u64(): number {
		this.#need(8);
		checkU64(this.#view, this.at);
		const value = readU64(this.#view, this.at);
		this.at += 8;
		return value;
	}

	f64(): number {
		this.#need(8);
		const value = this.#view.getFloat64(this.at, true);
		this.at += 8;
		return value;
	}

	skip(length: number): number {
		this.#need(length);
		const start = this.at;
		this.at += length;
		return start;
	}

	text(): string {
		const length = this.u32();
		const start = this.skip(length);
		return decodeUtf8(this.bytes, start, start + length);
	}

	#need(length: number): void {
		if (length > this.bytes.length - this.at) throw broken("it is too short");
	}
}

/** A u64 that is known to be a safe integer. */
export function readU64(view: DataView, at: number): number {
	return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}

/** Throws unless a u64 is a safe integer: below 2^53. */
export function checkU64(view: DataView, at: number): void {
	if (view.getUint32(at + 4, true) >= 2 ** 21) throw broken("a number beyond 2^53 - 1");
}

/** The engine and this package disagree on the format: a fault of ours, never of the caller. */
export function broken(what: string): StreamkitError {
	return new StreamkitError("CORRUPT", `an answer of the engine cannot be read: ${what}`);
}
