/** Bytes over an ordinary (not shared) buffer. */
export type Bytes = Uint8Array<ArrayBuffer>;

const lengthOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), "length")?.get as (
	this: Uint8Array,
) => number;
const NOWHERE = new Uint8Array(0);

/** Whether a value is a Uint8Array whose bytes can be read, of this realm or another. */
export function isUint8Array(value: unknown): value is Uint8Array {
	// The tag check is for arrays made in another realm (test runners, frames); a plain object can fake the tag
	// but not be a view.
	// A proxy of one, and what only inherits from one, are none: they have no bytes.
	if (!ArrayBuffer.isView(value)) return false;
	if (!(value instanceof Uint8Array) && Object.prototype.toString.call(value) !== "[object Uint8Array]") return false;
	// Room is made by the length that it says, and filled with what it has: a length of its own would write beyond.
	const { length } = value as Uint8Array;
	return lengthOf.call(value as Uint8Array) === length && (length > 0 || isThere(value as Uint8Array));
}

/** Whether an array that has no bytes has not lost them: its buffer may be detached, or be too short for it by now. */
function isThere(bytes: Uint8Array): boolean {
	try {
		NOWHERE.set(bytes);
		return true;
	} catch {
		return false;
	}
}

/** Orders byte strings as unsigned bytes, a prefix before what it is a prefix of. */
export function compareBytes(a: Uint8Array, b: Uint8Array): -1 | 0 | 1 {
	const length = a.length < b.length ? a.length : b.length;
	for (let i = 0; i < length; i++) {
		const x = a[i] as number;
		const y = b[i] as number;
		if (x !== y) return x < y ? -1 : 1;
	}
	return a.length === b.length ? 0 : a.length < b.length ? -1 : 1;
}

/** Whether two byte strings are equal. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
	return a.length === b.length && compareBytes(a, b) === 0;
}

/** Whether two values hold the same bytes, or there is neither. This is what a check of a commit asks. */
export function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
	return a === undefined || b === undefined ? a === b : equalBytes(a, b);
}

/** A copy of its own, over a buffer that holds nothing else. */
export function copyBytes(bytes: Uint8Array): Bytes {
	const copy = new Uint8Array(bytes.length);
	copy.set(bytes);
	return copy;
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));

/** Lowercase hex. */
export function toHex(bytes: Uint8Array): string {
	let text = "";
	for (let i = 0; i < bytes.length; i++) text += HEX[bytes[i] as number];
	return text;
}

function nibble(code: number): number {
	if (code >= 48 && code <= 57) return code - 48;
	if (code >= 97 && code <= 102) return code - 87;
	if (code >= 65 && code <= 70) return code - 55;
	return -1;
}

/** The bytes of a hex text of either case; undefined when it is not hex of even length. */
export function parseHex(text: string): Bytes | undefined {
	if (text.length % 2 !== 0) return undefined;
	const bytes = new Uint8Array(text.length / 2);
	for (let i = 0; i < bytes.length; i++) {
		const high = nibble(text.charCodeAt(2 * i));
		const low = nibble(text.charCodeAt(2 * i + 1));
		if (high < 0 || low < 0) return undefined;
		bytes[i] = high * 16 + low;
	}
	return bytes;
}

/** Canonical lowercase text of the 16 bytes at an offset. */
export function uuidText(bytes: Uint8Array, offset: number): string {
	let text = "";
	for (let i = 0; i < 16; i++) {
		if (i === 4 || i === 6 || i === 8 || i === 10) text += "-";
		text += HEX[bytes[offset + i] as number];
	}
	return text;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a text is a UUID in the 8-4-4-4-12 form, of either case. */
export function isUuid(text: string): boolean {
	return UUID.test(text);
}

/** A random (version 4) UUID; crypto.randomUUID is missing on insecure origins. */
export function randomUuid(): string {
	const bytes = crypto.getRandomValues(new Uint8Array(16));
	bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
	bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
	return uuidText(bytes, 0);
}

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Standard base64 with padding. */
export function toBase64(bytes: Uint8Array): string {
	let text = "";
	for (let i = 0; i < bytes.length; i += 3) {
		const left = bytes.length - i;
		const word = ((bytes[i] as number) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
		text += BASE64.charAt(word >> 18) + BASE64.charAt((word >> 12) & 63);
		text += left > 1 ? BASE64.charAt((word >> 6) & 63) : "=";
		text += left > 2 ? BASE64.charAt(word & 63) : "=";
	}
	return text;
}
