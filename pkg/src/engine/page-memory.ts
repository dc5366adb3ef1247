type Allocate = (length: number) => Uint8Array<ArrayBuffer>;

/** So many bytes for a page, whatever is in them: where a platform can leave that out, nothing clears them first. */
export function pageMemory(length: number): Uint8Array<ArrayBuffer> {
	const { Buffer } = globalThis as { Buffer?: { readonly allocUnsafeSlow?: Allocate } };
	if (Buffer?.allocUnsafeSlow === undefined) return new Uint8Array(length);
	const { buffer, byteOffset } = Buffer.allocUnsafeSlow(length);
	return new Uint8Array(buffer, byteOffset, length);
}
