// One plain view for each buffer that LMDB copies keys and values into: results must be plain Uint8Arrays, and the
// buffers themselves are Buffers whose `length` is redefined.
let viewed: Uint8Array<ArrayBuffer> = new Uint8Array(0);

/** Bytes of one of those buffers as a plain view of it. */
export function plain(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
	if (viewed.buffer !== bytes.buffer || viewed.byteOffset !== bytes.byteOffset) {
		viewed = new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset);
	}
	return viewed;
}

let viewedKeys: Uint8Array = new Uint8Array(0);

/** Keys as they are. */
export const keyEncoder = {
	writeKey(key: Uint8Array, target: Uint8Array, start: number): number {
		target.set(key, start);
		return start + key.length;
	},
	readKey(source: Uint8Array, start: number, end: number): Uint8Array {
		if (viewedKeys.buffer !== source.buffer || viewedKeys.byteOffset !== source.byteOffset) {
			viewedKeys = new Uint8Array(source.buffer, source.byteOffset);
		}
		return viewedKeys.slice(start, end);
	},
};

/** Values as they are. */
export const encoder = {
	encode: (value: Uint8Array): Uint8Array => value,
	// A view: whoever keeps a value of a range copies it before the range is read on.
	decode: (bytes: Uint8Array, size: number): Uint8Array => plain(bytes).subarray(0, size),
};
