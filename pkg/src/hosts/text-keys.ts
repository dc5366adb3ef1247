import { type Bytes, compareBytes } from "../common/bytes.js";

/** How many bytes of the last group count: less than every digit, so that a key sorts before those that it begins. */
const ENDS = "!#$&";
const DIGITS = "()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_abcdefghijklmnopqrstuvwxyz{|}~";
/** All characters in the order of their codes. */
const ALPHABET = ENDS + DIGITS;
const VALUES: ReadonlyMap<string, number> = new Map([...DIGITS].map((digit, value) => [digit, value]));
const BASE = DIGITS.length;
/** Bytes of a group, and its digits: 85 ^ 5 is just above 256 ^ 4. */
const BYTES = 4;
const LENGTH = 5;

/** The longest key whose text takes at most so many characters. */
export function keyBytesOf(characters: number): number {
	return Math.max(Math.floor((characters - 1) / LENGTH), 0) * BYTES;
}

/**
 * The key as text whose order, by code or by UTF-8 byte, is that of the bytes: 5 digits for every 4 bytes, the last
 * group filled up with zeros, and one character that says how many of its bytes count. The empty key is the empty
 * text.
 */
export function textOfKey(key: Uint8Array): string {
	if (key.length === 0) return "";
	let text = "";
	for (let at = 0; at < key.length; at += BYTES) {
		let word = 0;
		for (let i = at; i < at + BYTES; i++) word = word * 256 + (key[i] ?? 0);
		let group = "";
		for (let i = 0; i < LENGTH; i++) {
			group = DIGITS.charAt(word % BASE) + group;
			word = Math.floor(word / BASE);
		}
		text += group;
	}
	return text + ENDS.charAt((key.length - 1) % BYTES);
}

/** The key that the text stands for; undefined for text that stands for none. */
export function keyOfText(text: string): Bytes | undefined {
	const last = ENDS.indexOf(text.charAt(text.length - 1));
	if (text.length < LENGTH + 1 || text.length % LENGTH !== 1 || last < 0) return undefined;
	const groups = (text.length - 1) / LENGTH;
	const key = new Uint8Array((groups - 1) * BYTES + last + 1);
	for (let group = 0; group < groups; group++) {
		let word = 0;
		for (let i = 0; i < LENGTH; i++) {
			const value = VALUES.get(text.charAt(group * LENGTH + i));
			if (value === undefined) return undefined;
			word = word * BASE + value;
		}
		// What falls beyond the end of the key is dropped, and must have been zero: see the comparison below.
		for (let i = 0; i < BYTES; i++) key[group * BYTES + i] = Math.floor(word / 256 ** (BYTES - 1 - i));
	}
	return textOfKey(key) === text ? key : undefined;
}

/** The least text of these characters above every text that begins so; undefined when there is none. */
export function textAfter(prefix: string): string | undefined {
	for (let length = prefix.length; length > 0; length--) {
		const next = ALPHABET.charAt(ALPHABET.indexOf(prefix.charAt(length - 1)) + 1);
		if (next !== "") return prefix.slice(0, length - 1) + next;
	}
	return undefined;
}

/** Whether a range can hold no key. */
export function isEmptyRange({ start, end }: { readonly start: Uint8Array; readonly end: Uint8Array }): boolean {
	return compareBytes(start, end) >= 0;
}
