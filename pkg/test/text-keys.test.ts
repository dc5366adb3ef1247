import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compareBytes } from "../src/common/bytes.js";
import { keyBytesOf, keyOfText, textAfter, textOfKey } from "../src/hosts/text-keys.js";

const alike = fc
	.uint8Array({ maxLength: 12 })
	.map((bytes) => bytes.map((byte) => [0, 1, 0x7f, 0xff][byte % 4] as number));
const anyKey = fc.oneof(fc.uint8Array({ maxLength: 40 }), alike);
const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

test("text comes back as the key that it was made from", () => {
	fc.assert(
		fc.property(anyKey, (key) => {
			if (key.length > 0) assert.deepEqual(keyOfText(textOfKey(key)), new Uint8Array(key));
		}),
	);
	for (let byte = 0; byte < 256; byte++) {
		for (const key of [[byte], [0, byte], [1, 2, byte], [byte, 255, 255, byte], [0, 0, 0, 0, byte]])
			assert.deepEqual(keyOfText(textOfKey(new Uint8Array(key))), new Uint8Array(key));
	}
});

test("the order of texts is that of the keys", () => {
	const inOrder = (a: Uint8Array, b: Uint8Array) =>
		assert.equal(compareText(textOfKey(a), textOfKey(b)), compareBytes(a, b), `${a} and ${b}`);
	fc.assert(fc.property(anyKey, anyKey, inOrder));
	fc.assert(fc.property(alike, alike, inOrder), { numRuns: 2000 });
	fc.assert(
		fc.property(anyKey, fc.uint8Array({ minLength: 1, maxLength: 6 }), (a, b) =>
			inOrder(a, new Uint8Array([...a, ...b])),
		),
	);
});

test("texts are of printable ASCII and of the length that is stated", () => {
	for (let length = 1; length <= 410; length++) {
		const text = textOfKey(new Uint8Array(length).fill(255));
		assert.match(text, /^[\x21-\x7e]+$/);
		assert.ok(keyBytesOf(text.length) >= length);
		assert.ok(keyBytesOf(text.length - 1) < length);
	}
	assert.equal(keyBytesOf(512), 408);
	assert.equal(keyBytesOf(0), 0);
});

test("texts that are no key's are not taken for one", () => {
	const texts = [
		"",
		"!",
		"(((((",
		"((((((",
		"(((((% ",
		"((((~!",
		"((((( ",
		"(((()#!",
		"~~~~~&",
		"(((((!!",
		"((((((((((!x",
	];
	for (const text of texts) assert.equal(keyOfText(text), undefined, text);
	assert.deepEqual(keyOfText("(((((&"), new Uint8Array(4));
});

test("the text after a prefix is above all that begin with it, and not above anything else", () => {
	fc.assert(
		fc.property(anyKey, anyKey, fc.nat(60), (a, b, cut) => {
			const prefix = textOfKey(a).slice(0, cut);
			const after = textAfter(prefix);
			const text = textOfKey(b);
			if (after === undefined) assert.match(prefix, /^~*$/);
			else assert.equal(text >= after, text > prefix && !text.startsWith(prefix));
		}),
	);
});
