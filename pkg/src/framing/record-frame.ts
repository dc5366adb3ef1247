import { type Bytes, isUint8Array } from "../common/bytes.js";
import { compareUtf8, encodeUtf8Into, isWellFormed } from "../common/utf8.js";
import { checkInteger, isRecord } from "../common/validate.js";
import { invalid, limitExceeded } from "../errors.js";

const WELL_FORMED = "must be well-formed UTF-16 (no lone surrogates)";

// A frame: u32 count, u8 has_sequences, [count x u64 sequence], count x entry.
// An entry: u32 payload length, payload, u32 metadata length, metadata.
// Metadata: nothing, or u32 pairs, pairs x {u32 length, key, u32 length, value}, keys ascending by their bytes.
const HEADER = 5;

/** What an entry's two length fields take. */
const LENGTHS = 8;

/** Where a frame may be cut: after so many records, at that byte. */
export interface Mark {
	readonly count: number;
	readonly at: number;
}

/**
 * Builds record frames in one buffer that is used again and again: the glue copies a frame into the engine's memory
 * before the call returns, so a frame is only valid until the next record is added.
 */
export class FrameWriter {
	#bytes: Bytes;
	#view: DataView;
	#at = HEADER;
	/** Records so far. */
	count = 0;
	#sequences: number[] | undefined;

	constructor(capacity = 1024) {
		this.#bytes = new Uint8Array(capacity);
		this.#view = new DataView(this.#bytes.buffer);
	}

	/** Starts over, giving back a buffer that has grown past what is worth keeping. */
	reset(keep = 1 << 16): void {
		if (this.#bytes.length > keep) this.#allocate(keep);
		this.#at = HEADER;
		this.count = 0;
		this.#sequences = undefined;
	}

	/** Bytes of the encoded records so far, from a mark or the start. */
	size(from: Mark = FrameWriter.START): number {
		return this.#at - from.at;
	}

	/** The present position, for cut. */
	mark(): Mark {
		return { count: this.count, at: this.#at };
	}

	#allocate(capacity: number): void {
		this.#bytes = new Uint8Array(capacity);
		this.#view = new DataView(this.#bytes.buffer);
	}

	#reserve(more: number): void {
		const needed = this.#at + more;
		if (needed <= this.#bytes.length) return;
		const old = this.#bytes;
		this.#allocate(Math.max(needed, old.length * 2));
		this.#bytes.set(old.subarray(0, this.#at));
	}

	/** Writes u32 length and a well-formed text. */
	#text(text: string): void {
		// Three bytes per code unit is the most UTF-8 can need. For long texts that would triple the buffer, and the
		// exact length is cheap next to the copy.
		const most = text.length <= 4096 ? text.length * 3 : exactLength(text);
		this.#reserve(4 + most);
		const length = encodeUtf8Into(text, this.#bytes, this.#at + 4);
		this.#view.setUint32(this.#at, length, true);
		this.#at += 4 + length;
	}

	#metadata(index: number, metadata: Readonly<Record<string, string>>): void {
		this.#reserve(8);
		const lengthAt = this.#at;
		this.#at += 4;
		if (!isRecord(metadata)) throw invalid(field(index, "metadata"), "must be an object of strings");
		const keys = Object.keys(metadata);
		if (keys.length === 0) {
			this.#view.setUint32(lengthAt, 0, true);
			return;
		}
		if (keys.length > 1) keys.sort(compareUtf8);
		this.#view.setUint32(this.#at, keys.length, true);
		this.#at += 4;
		for (const key of keys) {
			const value = metadata[key];
			if (typeof value !== "string")
				throw invalid(`${field(index, "metadata")}[${JSON.stringify(key)}]`, "must be a string");
			if (!isWellFormed(key)) throw invalid(`${field(index, "metadata")} key ${JSON.stringify(key)}`, WELL_FORMED);
			if (!isWellFormed(value)) throw invalid(`${field(index, "metadata")}[${JSON.stringify(key)}]`, WELL_FORMED);
			this.#text(key);
			this.#text(value);
		}
		this.#view.setUint32(lengthAt, this.#at - lengthAt - 4, true);
	}

	/**
	 * Adds one record. Nothing is added when it throws. index: which record it is in messages; -1 for the arguments of
	 * publish.
	 */
	add(
		payload: unknown,
		metadata: Readonly<Record<string, string>> | undefined,
		sequence: number | undefined,
		maxBytes: number,
		index: number,
	): void {
		const start = this.#at;
		try {
			if (typeof payload === "string") {
				if (!isWellFormed(payload)) throw invalid(field(index, "payload"), WELL_FORMED);
				// Before it is encoded: a text that cannot fit must not grow the buffer.
				if (payload.length > maxBytes) throw limitExceeded("record bytes", maxBytes, exactLength(payload));
				this.#text(payload);
			} else {
				if (!isUint8Array(payload))
					throw invalid(field(index, "payload"), "must be a string or a Uint8Array that is not detached");
				const length = payload.length;
				if (length > maxBytes) throw limitExceeded("record bytes", maxBytes, length);
				this.#reserve(4 + length);
				this.#view.setUint32(this.#at, length, true);
				this.#bytes.set(payload, this.#at + 4);
				this.#at += 4 + length;
			}
			if (metadata === undefined) {
				this.#reserve(4);
				this.#view.setUint32(this.#at, 0, true);
				this.#at += 4;
			} else {
				this.#metadata(index, metadata);
			}
			const bytes = this.#at - start - LENGTHS;
			if (bytes > maxBytes) throw limitExceeded("record bytes", maxBytes, bytes);
			if (sequence !== undefined) {
				if (!Number.isSafeInteger(sequence) || sequence < 1) checkInteger(field(index, "sequence"), sequence, 1);
				if (this.#sequences === undefined) this.#sequences = new Array<number>(this.count).fill(0);
				this.#sequences.push(sequence);
			} else if (this.#sequences !== undefined) {
				this.#sequences.push(0);
			}
			this.count++;
		} catch (error) {
			this.#at = start;
			throw error;
		}
	}

	/** The frame of everything added; valid until the next call. */
	finish(): Bytes {
		return this.#frame(HEADER, this.#at, 0, this.count);
	}

	/**
	 * The frame of what lies between two marks; valid until the next call. Only for frames that are not added to any
	 * more.
	 */
	cut(from: Mark, to: Mark): Bytes {
		return this.#frame(from.at, to.at, from.count, to.count);
	}

	/** Forgets what lies before a mark, which becomes the start. */
	discard(to: Mark): void {
		this.#bytes.copyWithin(HEADER, to.at, this.#at);
		this.#at -= to.at - HEADER;
		this.count -= to.count;
		this.#sequences?.splice(0, to.count);
		if (this.count === 0) this.#sequences = undefined;
	}

	/** The position before the first record. */
	static readonly START: Mark = { count: 0, at: HEADER };

	#frame(from: number, to: number, first: number, last: number): Bytes {
		const count = last - first;
		const sequences = this.#sequences;
		if (sequences === undefined) {
			// The header takes the five bytes before the entries; of an earlier part, those have been used up.
			this.#view.setUint32(from - HEADER, count, true);
			this.#bytes[from - 1] = 0;
			return this.#bytes.subarray(from - HEADER, to);
		}
		const frame = new Uint8Array(HEADER + 8 * count + to - from);
		const view = new DataView(frame.buffer);
		view.setUint32(0, count, true);
		frame[4] = 1;
		for (let i = 0; i < count; i++) {
			const sequence = sequences[first + i] as number;
			view.setUint32(HEADER + 8 * i, sequence >>> 0, true);
			view.setUint32(HEADER + 8 * i + 4, Math.floor(sequence / 2 ** 32), true);
		}
		frame.set(this.#bytes.subarray(from, to), HEADER + 8 * count);
		return frame;
	}
}

function field(index: number, name: string): string {
	return index < 0 ? name : `records[${index}].${name}`;
}

function exactLength(text: string): number {
	let bytes = text.length;
	for (let i = 0; i < text.length; i++) {
		const code = text.charCodeAt(i);
		if (code >= 0x80) bytes += code < 0x800 || (code >= 0xd800 && code < 0xe000) ? 1 : 2;
	}
	return bytes;
}

/** The frame of transact: u32 writes, writes x {u32 length, space, u32 length, segment, u32 length, record frame}. */
export function transactFrame(writes: readonly { space: Bytes; segment: Bytes; frame: Bytes }[]): Bytes {
	let size = 4;
	for (const { space, segment, frame } of writes) size += 12 + space.length + segment.length + frame.length;
	const bytes = new Uint8Array(size);
	const view = new DataView(bytes.buffer);
	view.setUint32(0, writes.length, true);
	let at = 4;
	for (const write of writes) {
		for (const part of [write.space, write.segment, write.frame]) {
			view.setUint32(at, part.length, true);
			bytes.set(part, at + 4);
			at += 4 + part.length;
		}
	}
	return bytes;
}
