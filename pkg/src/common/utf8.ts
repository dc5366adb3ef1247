import type { Bytes } from "./bytes.js";

const encoder = new TextEncoder();
// ignoreBOM: a payload that starts with U+FEFF must read back as it was written.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

const native = (String.prototype as { isWellFormed?: (this: string) => boolean }).isWellFormed;
const LONE = /\p{Surrogate}/u;

/**
 * Whether a string has no lone surrogates. Two different lone surrogates would both be stored as U+FFFD and collide.
 */
export function isWellFormed(text: string): boolean {
	return native !== undefined ? native.call(text) : !LONE.test(text);
}

/** The UTF-8 bytes of a well-formed string. */
export function encodeUtf8(text: string): Bytes {
	return encoder.encode(text) as Bytes;
}

/** Encodes into a buffer that is known to have room (three bytes per code unit); returns the bytes written. */
export function encodeUtf8Into(text: string, target: Uint8Array, offset: number): number {
	const length = text.length;
	// Below this the call into the encoder costs more than the loop.
	if (length <= 48) {
		let i = 0;
		for (; i < length; i++) {
			const code = text.charCodeAt(i);
			if (code > 0x7f) break;
			target[offset + i] = code;
		}
		if (i === length) return length;
	}
	return encoder.encodeInto(text, target.subarray(offset)).written;
}

/** The text of UTF-8 bytes, with U+FFFD where they are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array, start = 0, end = bytes.length): string {
	if (end - start <= 24) {
		let text = "";
		let i = start;
		for (; i < end; i++) {
			const code = bytes[i] as number;
			if (code > 0x7f) break;
			text += String.fromCharCode(code);
		}
		if (i === end) return text;
	}
	return decoder.decode(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end));
}

/** The text of UTF-8 bytes; undefined where they are not UTF-8. */
export function decodeUtf8Strict(bytes: Uint8Array): string | undefined {
	try {
		return strict.decode(bytes);
	} catch {
		return undefined;
	}
}

// UTF-16 orders surrogates (U+10000 and up) before U+E000..U+FFFF; UTF-8 orders by code point.
function rank(unit: number): number {
	return unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** Orders well-formed strings as their UTF-8 bytes. */
export function compareUtf8(a: string, b: string): -1 | 0 | 1 {
	const length = Math.min(a.length, b.length);
	for (let i = 0; i < length; i++) {
		const x = a.charCodeAt(i);
		const y = b.charCodeAt(i);
		if (x !== y) return rank(x) < rank(y) ? -1 : 1;
	}
	return a.length === b.length ? 0 : a.length < b.length ? -1 : 1;
}

/** The length in UTF-8 bytes of a well-formed string. */
export function utf8Length(text: string): number {
	let bytes = 0;
	for (let i = 0; i < text.length; i++) {
		const code = text.charCodeAt(i);
		if (code < 0x80) bytes += 1;
		else if (code < 0x800) bytes += 2;
		else if (code >= 0xd800 && code < 0xe000) bytes += 2;
		else bytes += 3;
	}
	return bytes;
}
