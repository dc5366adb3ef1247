import { crc32 } from "node:zlib";
import { MAX_KEY_BYTES } from "../lmdb/environment.js";
import { checksumOf } from "./checksum.js";

// One record after the other. All numbers are little-endian.
//   record   CRC-32 of the next three and the key u32 | key length u16 | value length u32 | checksum of the value u32
//            | key | value
// The key is that of the row which refers to the value: so it can be asked whether it still does.
const PREFIX_BYTES = 14;

/** What stands before a value. */
export interface Head {
	readonly key: Uint8Array;
	/** Of the head itself. */
	readonly bytes: number;
	readonly length: number;
	readonly checksum: number;
}

/** The head of a value, and its checksum. */
export function encodeHead(key: Uint8Array, value: Uint8Array): { head: Buffer; checksum: number } {
	const checksum = checksumOf(value);
	const head = Buffer.allocUnsafe(PREFIX_BYTES + key.length);
	head.writeUInt16LE(key.length, 4);
	head.writeUInt32LE(value.length, 6);
	head.writeUInt32LE(checksum, 10);
	head.set(key, PREFIX_BYTES);
	head.writeUInt32LE(crc32(head.subarray(4)), 0);
	return { head, checksum };
}

/** Bytes of the longest head there is. */
export const LONGEST_HEAD = PREFIX_BYTES + MAX_KEY_BYTES;

/** Reads a head at the beginning of some bytes; undefined when it is not whole. Its key is a copy. */
export function decodeHead(bytes: Buffer): Head | undefined {
	if (bytes.length < PREFIX_BYTES) return undefined;
	const end = PREFIX_BYTES + bytes.readUInt16LE(4);
	if (end > bytes.length || crc32(bytes.subarray(4, end)) !== bytes.readUInt32LE(0)) return undefined;
	return {
		key: new Uint8Array(bytes.subarray(PREFIX_BYTES, end)),
		bytes: end,
		length: bytes.readUInt32LE(6),
		checksum: bytes.readUInt32LE(10),
	};
}
