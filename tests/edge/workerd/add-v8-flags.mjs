// Copies workerd's configuration from standard input to standard output and adds V8's flags to it.
//
// It is a message of Cap'n Proto (https://capnproto.org/encoding.html) whose root is the struct Config of workerd.capnp;
// the list of flags is its third pointer. The list comes as one more segment behind those that are there, so nothing of
// them moves: the pointer in the root is a far one, to the list's own pointer at the start of the new segment.

import { readFileSync, writeSync } from "node:fs";

const WORD = 8;
const V8_FLAGS = 2;
const FAR = 2;
const LIST = 1;
const OF_BYTES = 2;
const OF_POINTERS = 6;

/** A pointer to a list that begins `offset` words behind it. */
function listPointer(offset, elements, count) {
	const pointer = Buffer.alloc(WORD);
	pointer.writeInt32LE((offset << 2) | LIST, 0);
	pointer.writeUInt32LE((count << 3) | elements, 4);
	return pointer;
}

/** A segment that begins with a pointer to the list of texts. */
function textList(texts) {
	const pointers = [listPointer(0, OF_POINTERS, texts.length)];
	const bodies = [];
	let words = 0;
	texts.forEach((text, i) => {
		const length = Buffer.byteLength(text) + 1;
		const body = Buffer.alloc(Math.ceil(length / WORD) * WORD);
		body.write(text);
		pointers.push(listPointer(texts.length - i - 1 + words, OF_BYTES, length));
		bodies.push(body);
		words += body.length / WORD;
	});
	return Buffer.concat([...pointers, ...bodies]);
}

/** The segments of a message. */
function split(message) {
	const count = message.readUInt32LE(0) + 1;
	let at = Math.ceil((4 + 4 * count) / WORD) * WORD;
	return Array.from({ length: count }, (_, i) => {
		const start = at;
		at += message.readUInt32LE(4 + 4 * i) * WORD;
		return message.subarray(start, at);
	});
}

function join(segments) {
	const header = Buffer.alloc(Math.ceil((4 + 4 * segments.length) / WORD) * WORD);
	header.writeUInt32LE(segments.length - 1, 0);
	segments.forEach((segment, i) => {
		header.writeUInt32LE(segment.length / WORD, 4 + 4 * i);
	});
	return Buffer.concat([header, ...segments]);
}

/** Where the pointer to the flags lies in the first segment. */
function flagsPointer(segment) {
	const low = segment.readInt32LE(0);
	const [dataWords, pointers] = [segment.readUInt16LE(4), segment.readUInt16LE(6)];
	if ((low & 3) !== 0 || pointers <= V8_FLAGS) throw new Error("this is not the configuration that Miniflare writes");
	return (1 + (low >> 2) + dataWords + V8_FLAGS) * WORD;
}

const segments = split(readFileSync(0));
const pointer = flagsPointer(segments[0]);
segments[0].writeUInt32LE(FAR, pointer);
segments[0].writeUInt32LE(segments.length, pointer + 4);
segments.push(textList((process.env.STREAMKIT_WORKERD_V8_FLAGS ?? "").split(" ")));
const message = join(segments);
for (let written = 0; written < message.length; ) written += writeSync(1, message, written);
