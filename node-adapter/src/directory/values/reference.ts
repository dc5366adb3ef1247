import type { Change, Put } from "../journal/format.js";

// What a row has in the journal and in the database. All numbers are little-endian.
//   value                 as it is, unless it begins with the mark
//   mark | 0 | value      one that begins with the mark
//   mark | 1 | file u32 | offset u32 | length u32 | checksum u32 of the value
const MARK = Buffer.from("b19ed1f7c84e5a03", "hex");
const ESCAPED = 0;
const REFERENCE = 1;
const PREFIX_BYTES = MARK.length + 1;
const REFERENCE_BYTES = PREFIX_BYTES + 16;

/** Where a value is: in which file, where in it, and how long it is; and the checksum of its bytes. */
export interface Place {
	readonly file: number;
	readonly offset: number;
	readonly length: number;
	readonly checksum: number;
}

/** A row that refers to a place. */
export function referenceTo({ file, offset, length, checksum }: Place): Uint8Array {
	const stored = Buffer.alloc(REFERENCE_BYTES);
	MARK.copy(stored);
	let at = stored.writeUInt8(REFERENCE, MARK.length);
	at = stored.writeUInt32LE(file, at);
	at = stored.writeUInt32LE(offset, at);
	at = stored.writeUInt32LE(length, at);
	stored.writeUInt32LE(checksum, at);
	return stored;
}

/** What is put with a value as a row that has it itself. */
export function withRow(put: Put): Put {
	const { key, value } = put;
	return beginsWithMark(value) ? { key, value: Buffer.concat([MARK, Buffer.of(ESCAPED), value]) } : put;
}

/** The place that a row refers to; undefined when it has its value itself. */
export function placeOf(row: Uint8Array): Place | undefined {
	if (row.length !== REFERENCE_BYTES || !beginsWithMark(row) || row[MARK.length] !== REFERENCE) return undefined;
	const view = new DataView(row.buffer, row.byteOffset + PREFIX_BYTES);
	return {
		file: view.getUint32(0, true),
		offset: view.getUint32(4, true),
		length: view.getUint32(8, true),
		checksum: view.getUint32(12, true),
	};
}

/** The value that a row has itself, as a view of it. */
export function valueIn(row: Uint8Array): Uint8Array {
	return beginsWithMark(row) ? row.subarray(PREFIX_BYTES) : row;
}

/** Whether a row that has this value itself is the value. */
export function isStoredAsItIs(value: Uint8Array): boolean {
	return !beginsWithMark(value);
}

/** The places that a change refers to. */
export function* placesIn(change: Change): Generator<Place> {
	for (const { value } of change.puts) {
		const place = placeOf(value);
		if (place !== undefined) yield place;
	}
}

function beginsWithMark(bytes: Uint8Array): boolean {
	return bytes[0] === MARK[0] && bytes.length >= MARK.length && MARK.compare(bytes, 0, MARK.length) === 0;
}
