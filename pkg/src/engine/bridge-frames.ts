import type { Bytes } from "../common/bytes.js";
import type { HostBatch, HostCommit, ScanPage, ScanRange } from "../host.js";

const ABSENT = 0xffffffff;
/** The bit of a length that says that the value is not in the frame, but the next one of a list beside it. */
const APART = 0x80000000;
/** From here on a value stands apart, so that it is copied once. */
const APART_BYTES = 4096;

/** An answer in one buffer; where values stand apart, the list that begins with it. */
export type Packed = Bytes | Bytes[];

/** Reads the engine's frames; they are ours, so lengths are not checked again. */
class Unpacker {
	readonly #bytes: Bytes;
	readonly #view: DataView;
	#at = 0;

	/** Copies the frame out of wasm memory: once, and before anything else can grow that memory. */
	constructor(frame: Uint8Array) {
		this.#bytes = frame.slice() as Bytes;
		this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length);
	}

	u8(): number {
		return this.#bytes[this.#at++] as number;
	}

	u32(): number {
		const value = this.#view.getUint32(this.#at, true);
		this.#at += 4;
		return value;
	}

	skip(length: number): void {
		this.#at += length;
	}

	take(length: number): Bytes {
		this.#at += length;
		return this.#bytes.subarray(this.#at - length, this.#at);
	}
}

/** Writes an answer's frame, into a buffer whose size was counted with sizeOf. */
class Packer {
	readonly #bytes: Bytes;
	readonly #view: DataView;
	readonly #apart: Bytes[] = [];
	#at = 0;

	constructor(size: number) {
		this.#bytes = new Uint8Array(size);
		this.#view = new DataView(this.#bytes.buffer);
	}

	u8(value: number): void {
		this.#bytes[this.#at++] = value;
	}

	u32(value: number): void {
		this.#view.setUint32(this.#at, value, true);
		this.#at += 4;
	}

	inline(part: Uint8Array): void {
		this.u32(part.length);
		this.#bytes.set(part, this.#at);
		this.#at += part.length;
	}

	value(value: Uint8Array): void {
		if (standsApart(value)) {
			this.u32((value.length | APART) >>> 0);
			this.#apart.push(value as Bytes);
		} else {
			this.inline(value);
		}
	}

	finish(): Packed {
		return this.#apart.length === 0 ? this.#bytes : [this.#bytes, ...this.#apart];
	}
}

// The engine knows arrays by their class, which one of another realm does not have. And readers may be given views of
// them: then the buffer is an ordinary one, and holds no other value, and little else that would be kept as well.
const standsApart = (value: Uint8Array): boolean =>
	value.length >= APART_BYTES &&
	value instanceof Uint8Array &&
	value.buffer instanceof ArrayBuffer &&
	value.length * 2 > value.buffer.byteLength;

/** What a value takes in the frame, its length included. */
const sizeOf = (value: Uint8Array): number => 4 + (standsApart(value) ? 0 : value.length);

/** The keys that a get asks for. */
export function unpackKeys(frame: Uint8Array): Bytes[] {
	const input = new Unpacker(frame);
	const keys: Bytes[] = [];
	for (let left = input.u32(); left > 0; left--) keys.push(input.take(input.u32()));
	return keys;
}

/** What a scan asks for. */
export function unpackRange(frame: Uint8Array): ScanRange {
	const input = new Unpacker(frame);
	const reverse = input.u8() === 1;
	const keysOnly = input.u8() === 1;
	input.skip(2);
	const limit = input.u32();
	const maxBytes = input.u32();
	const start = input.take(input.u32());
	const end = input.take(input.u32());
	const range: ScanRange = { start, end, limit };
	if (reverse) range.reverse = true;
	if (keysOnly) range.keysOnly = true;
	if (maxBytes > 0) range.maxBytes = maxBytes;
	return range;
}

/** What a commit is to do; apart: the values that are not in the frame, in order. */
export function unpackBatch(frame: Uint8Array, apart: readonly Bytes[]): HostBatch {
	const input = new Unpacker(frame);
	const durability = input.u8() === 1 ? "strict" : "relaxed";
	const checks: { key: Bytes; value: Bytes | undefined }[] = [];
	for (let left = input.u32(); left > 0; left--) {
		const key = input.take(input.u32());
		const length = input.u32();
		checks.push({ key, value: length === ABSENT ? undefined : input.take(length) });
	}
	const deletes: Bytes[] = [];
	for (let left = input.u32(); left > 0; left--) deletes.push(input.take(input.u32()));
	const puts: { key: Bytes; value: Bytes }[] = [];
	let next = 0;
	for (let left = input.u32(); left > 0; left--) {
		const key = input.take(input.u32());
		const length = input.u32();
		puts.push({ key, value: length < APART ? input.take(length) : (apart[next++] as Bytes) });
	}
	return { checks, deletes, puts, durability };
}

/** The answer to a get. */
export function packValues(values: readonly (Uint8Array | undefined)[], count: number): Packed {
	let size = 4;
	for (let i = 0; i < count; i++) size += values[i] === undefined ? 4 : sizeOf(values[i] as Uint8Array);
	const packer = new Packer(size);
	packer.u32(count);
	for (let i = 0; i < count; i++) {
		const value = values[i];
		if (value === undefined) packer.u32(ABSENT);
		else packer.value(value);
	}
	return packer.finish();
}

/** The answer to a scan. */
export function packPage({ keys, values, more }: ScanPage, hasValues: boolean): Packed {
	let size = 6;
	for (let i = 0; i < keys.length; i++) {
		size += 4 + (keys[i] as Uint8Array).length;
		if (hasValues) size += sizeOf(values[i] as Uint8Array);
	}
	const packer = new Packer(size);
	packer.u8(more ? 1 : 0);
	packer.u32(keys.length);
	packer.u8(hasValues ? 1 : 0);
	for (let i = 0; i < keys.length; i++) {
		packer.inline(keys[i] as Uint8Array);
		if (hasValues) packer.value(values[i] as Uint8Array);
	}
	return packer.finish();
}

/** The answer to a commit: nothing where it was applied. */
export function packOutcome(result: HostCommit): Bytes | undefined {
	if (result.applied) return undefined;
	const { check: failed, current } = result;
	const bytes = new Uint8Array(5 + (current?.length ?? 0));
	new DataView(bytes.buffer).setUint32(0, failed, true);
	if (current !== undefined) {
		bytes[4] = 1;
		bytes.set(current, 5);
	}
	return bytes;
}
