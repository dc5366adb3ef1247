import { type Bytes, equalBytes, isUint8Array, parseHex } from "../common/bytes.js";
import { TIMESTAMP_END } from "../common/validate.js";
import { invalid } from "../errors.js";
import { isLexKey, keyOver, LexKey } from "../lexkey.js";
import type { Offset } from "../types.js";

/** A position in a space: everything up to this id is passed. (0, 0): nothing is. */
export interface SpacePosition {
	readonly ms: number;
	readonly n: number;
}

/** What the offsets of a space begin with, up to their numbers. */
interface OfSpace {
	readonly space: string;
	readonly bytes: Bytes;
}

/** The same of a segment. */
interface OfSegment extends OfSpace {
	readonly segment: string;
}

// Whoever keeps an offset for each entry asks for one after the other of the same space or segment.
let ofSpace: OfSpace | undefined;
let ofSegment: OfSegment | undefined;

/** A beginning and room for what follows. */
function begun(start: Bytes, room: number): [Bytes, DataView] {
	const bytes = new Uint8Array(start.length + room);
	bytes.set(start);
	return [bytes, new DataView(bytes.buffer, start.length)];
}

const TOP_BIT = 2 ** 31;

/** Eight bytes of a number below 2^53; `top`: the highest of its 32 high bits where integers have a sign. */
function setInteger(view: DataView, at: number, value: number, top = 0): void {
	view.setUint32(at, Math.floor(value / 2 ** 32) + top);
	view.setUint32(at + 4, value % 2 ** 32);
}

/** `DAT SEGMENTS space segment sequence(u64)`. */
export function segmentOffset(space: string, segment: string, sequence: number): LexKey {
	if (ofSegment === undefined || ofSegment.space !== space || ofSegment.segment !== segment) {
		ofSegment = { space, segment, bytes: LexKey.encodeFirst("DAT", "SEGMENTS", space, segment).bytes };
	}
	const [bytes, view] = begun(ofSegment.bytes, 8);
	setInteger(view, 0, sequence);
	return keyOver(bytes);
}

/** `DAT SPACES space ms(i64) n(u64)`. */
export function spaceOffset(space: string, ms: number, n: number): LexKey {
	if (ofSpace === undefined || ofSpace.space !== space) {
		ofSpace = { space, bytes: LexKey.encodeFirst("DAT", "SPACES", space).bytes };
	}
	const [bytes, view] = begun(ofSpace.bytes, 17);
	setInteger(view, 0, ms, TOP_BIT);
	setInteger(view, 9, n);
	return keyOver(bytes);
}

function offsetBytes(argument: string, offset: unknown): Uint8Array {
	if (typeof offset === "string") {
		const bytes = parseHex(offset);
		if (bytes === undefined) throw invalid(argument, "as a string it must be hex of even length");
		return bytes;
	}
	if (isLexKey(offset)) return offset.bytes;
	if (isUint8Array(offset)) return offset;
	throw invalid(argument, "must be a LexKey, a Uint8Array or a hex string");
}

/** The bytes after the prefix and its separator; undefined when there are not exactly so many. */
function rest(bytes: Uint8Array, prefix: Bytes, length: number): DataView | undefined {
	const at = prefix.length + 1;
	if (bytes.length !== at + length || bytes[prefix.length] !== 0) return undefined;
	if (!equalBytes(bytes.subarray(0, prefix.length), prefix)) return undefined;
	return new DataView(bytes.buffer, bytes.byteOffset + at, length);
}

const MAX = BigInt(Number.MAX_SAFE_INTEGER);

/**
 * The last sequence handled, 0 for an empty offset.
 * @throws INVALID_ARGUMENT unless it is an offset of this very segment.
 */
export function parseSegmentOffset(argument: string, offset: Offset, space: string, segment: string): number {
	const bytes = offsetBytes(argument, offset);
	if (bytes.length === 0) return 0;
	const view = rest(bytes, LexKey.encode("DAT", "SEGMENTS", space, segment).bytes, 8);
	if (view === undefined) throw invalid(argument, "must be an offset of this segment, as entry.segmentOffset() gives");
	const sequence = view.getBigUint64(0);
	if (sequence > MAX) throw invalid(argument, "holds a sequence beyond 2^53 - 1");
	return Number(sequence);
}

/**
 * The last id handled, (0, 0) for an empty offset.
 * @throws INVALID_ARGUMENT unless it is an offset of this very space.
 */
export function parseSpaceOffset(argument: string, offset: Offset, space: string): SpacePosition {
	const bytes = offsetBytes(argument, offset);
	if (bytes.length === 0) return { ms: 0, n: 0 };
	// 8 bytes of ms, the separator, 8 bytes of n.
	const view = rest(bytes, LexKey.encode("DAT", "SPACES", space).bytes, 17);
	if (view === undefined || view.getUint8(8) !== 0) {
		throw invalid(argument, "must be an offset of this space, as entry.spaceOffset() gives");
	}
	const ms = BigInt.asIntN(64, view.getBigUint64(0) ^ (1n << 63n));
	const n = view.getBigUint64(9);
	if (ms < 0n || ms >= BigInt(TIMESTAMP_END)) throw invalid(argument, "holds a timestamp outside of 0 to 2^48 - 1");
	if (n > MAX) throw invalid(argument, "holds a number beyond 2^53 - 1");
	if (ms === 0n && n > 0n) throw invalid(argument, "holds an id that no entry can have");
	return { ms: Number(ms), n: Number(n) };
}
