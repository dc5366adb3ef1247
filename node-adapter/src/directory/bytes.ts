// Memory for less is cleared in no time.
const LARGE = 4096;

/** A copy as a plain array. To clear memory for a large one first would take as long as copying it. */
export function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
	if (bytes.length < LARGE) return new Uint8Array(bytes);
	const copy = new Uint8Array(Buffer.allocUnsafeSlow(bytes.length).buffer);
	copy.set(bytes);
	return copy;
}

/** Whether two values hold the same bytes; nothing is the same as nothing alone. */
export function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
	return a === undefined || b === undefined ? a === b : Buffer.compare(a, b) === 0;
}
