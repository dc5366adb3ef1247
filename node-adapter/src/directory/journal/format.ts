import { crc32 } from "node:zlib";

// All numbers are little-endian.
//   header   "SKJ1" | salt u32 | base u64 | checksum u32 of what is before
//   record   bytes of the body u32 | checksum u32 of the body | body
//   body     deletes u32 | puts u32 | for each delete: key length u16, key
//            | for each put: key length u16, value length u32, key, value
// The checksum of a record goes on from that of the record before it, that of the first from the header's. So a record
// counts at its place in its own journal only, and what a power loss left of an earlier one never does.
const MAGIC = 0x314a4b53;
const HEADER_CHECKED = 16;
const RECORD_PREFIX = 8;
const COUNTS = 8;

/** Bytes of a journal's header. */
export const HEADER_BYTES = 20;

/** A row that is written. */
export interface Put {
	readonly key: Uint8Array;
	readonly value: Uint8Array;
}

/** What a commit writes. No key is in it twice. */
export interface Change {
	readonly deletes: readonly Uint8Array[];
	readonly puts: readonly Put[];
}

/** What a journal begins with: the commit of the database that its records build on, and where its checksums start. */
export interface Header {
	readonly base: number;
	readonly checksum: number;
}

/** A record that was read, where the next one begins, and what its checksum goes on from. */
export interface ReadRecord {
	readonly change: Change;
	readonly end: number;
	readonly checksum: number;
}

/** The header of a journal; the salt tells it from others on the same base. */
export function encodeHeader(base: number, salt: number): Buffer {
	const header = Buffer.allocUnsafe(HEADER_BYTES);
	header.writeUInt32LE(MAGIC, 0);
	header.writeUInt32LE(salt, 4);
	header.writeBigUInt64LE(BigInt(base), 8);
	header.writeUInt32LE(crc32(header.subarray(0, HEADER_CHECKED)), HEADER_CHECKED);
	return header;
}

/** The checksum that the first record after a header goes on from. */
export function checksumOf(header: Buffer): number {
	return header.readUInt32LE(HEADER_CHECKED);
}

/** Reads a header; undefined when it is not whole. */
export function decodeHeader(bytes: Buffer): Header | undefined {
	if (bytes.length < HEADER_BYTES || bytes.readUInt32LE(0) !== MAGIC) return undefined;
	const checksum = checksumOf(bytes);
	if (crc32(bytes.subarray(0, HEADER_CHECKED)) !== checksum) return undefined;
	return { base: Number(bytes.readBigUInt64LE(8)), checksum };
}

/** Bytes of a change as a record. */
export function recordBytes({ deletes, puts }: Change): number {
	let bytes = RECORD_PREFIX + COUNTS;
	for (const key of deletes) bytes += 2 + key.length;
	for (const { key, value } of puts) bytes += 6 + key.length + value.length;
	return bytes;
}

/** Writes a change as a record that fills `target`. Answers its checksum; `previous` is that of the record before. */
export function encodeRecord(change: Change, target: Buffer, previous: number): number {
	let at = RECORD_PREFIX;
	target.writeUInt32LE(target.length - RECORD_PREFIX, 0);
	at = target.writeUInt32LE(change.deletes.length, at);
	at = target.writeUInt32LE(change.puts.length, at);
	for (const key of change.deletes) {
		at = target.writeUInt16LE(key.length, at);
		target.set(key, at);
		at += key.length;
	}
	for (const { key, value } of change.puts) {
		at = target.writeUInt16LE(key.length, at);
		at = target.writeUInt32LE(value.length, at);
		target.set(key, at);
		at += key.length;
		target.set(value, at);
		at += value.length;
	}
	const checksum = crc32(target.subarray(RECORD_PREFIX), previous);
	target.writeUInt32LE(checksum, 4);
	return checksum;
}

/** Reads the record at an offset; undefined when it is not whole. Its keys and values are views of `bytes`. */
export function decodeRecord(bytes: Buffer, start: number, previous: number): ReadRecord | undefined {
	if (bytes.length - start < RECORD_PREFIX + COUNTS) return undefined;
	const end = start + RECORD_PREFIX + bytes.readUInt32LE(start);
	if (end > bytes.length || end < start + RECORD_PREFIX + COUNTS) return undefined;
	const checksum = bytes.readUInt32LE(start + 4);
	if (crc32(bytes.subarray(start + RECORD_PREFIX, end), previous) !== checksum) return undefined;
	return { change: changeOf(bytes.subarray(start, end)), end, checksum };
}

/** The change in a whole record. Its keys and values are views of it. */
export function changeOf(bytes: Buffer): Change {
	const deleteCount = bytes.readUInt32LE(RECORD_PREFIX);
	const putCount = bytes.readUInt32LE(RECORD_PREFIX + 4);
	let at = RECORD_PREFIX + COUNTS;
	const take = (length: number): Uint8Array => {
		at += length;
		// Plain arrays: slices of a Buffer would be views.
		return new Uint8Array(bytes.buffer, bytes.byteOffset + at - length, length);
	};
	const deletes: Uint8Array[] = [];
	for (let index = 0; index < deleteCount; index += 1) {
		const length = bytes.readUInt16LE(at);
		at += 2;
		deletes.push(take(length));
	}
	const puts: { key: Uint8Array; value: Uint8Array }[] = [];
	for (let index = 0; index < putCount; index += 1) {
		const keyLength = bytes.readUInt16LE(at);
		const valueLength = bytes.readUInt32LE(at + 2);
		at += 6;
		puts.push({ key: take(keyLength), value: take(valueLength) });
	}
	return { deletes, puts };
}
