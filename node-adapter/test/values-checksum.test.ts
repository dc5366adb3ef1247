import assert from "node:assert/strict";
import { test } from "node:test";
import { checksumOf } from "../src/directory/values/checksum.js";
import { randomFrom } from "./support.js";

// What a disk writes as a whole at least.
const UNIT = 512;

/** Bytes of which a share is zero, in runs. */
function someBytes(length: number, zeros: number, random: () => number): Uint8Array {
	const value = Uint8Array.from({ length }, () => 1 + Math.floor(random() * 255));
	while (random() < zeros) {
		const from = Math.floor(random() * length);
		value.fill(0, from, from + 1 + Math.floor(random() * 2000));
	}
	return value;
}

const isZero = (bytes: Uint8Array) => bytes.every((byte) => byte === 0);

test("the checksum of a value finds each unit of the disk that was not written, and each end that was not", () => {
	const random = randomFrom(1);
	let found = 0;
	for (let round = 0; round < 60; round += 1) {
		const value = someBytes(16_384 + Math.floor(random() * 5000), round % 3 === 0 ? 0 : 0.8, random);
		const checksum = checksumOf(value);
		// Where the value begins in a unit.
		const offset = Math.floor(random() * UNIT);
		for (let unit = -offset; unit < value.length; unit += UNIT) {
			const [from, to] = [Math.max(unit, 0), unit + UNIT];
			if (isZero(value.subarray(from, to))) continue;
			for (const lost of [value.slice().fill(0, from, to), Uint8Array.from(value).fill(0, from)]) {
				assert.notEqual(checksumOf(lost), checksum, `round ${round}: from ${from} on`);
				found += 1;
			}
		}
		const end = Math.floor(random() * value.length);
		if (isZero(value.subarray(end))) continue;
		assert.notEqual(checksumOf(value.slice().fill(0, end)), checksum, `round ${round}: from ${end} on`);
	}
	assert.ok(found > 2000, `${found} losses`);
});

test("the checksum of a value finds what another value left in a unit", () => {
	const random = randomFrom(2);
	for (let round = 0; round < 60; round += 1) {
		const [value, other] = [someBytes(16_384, 0.5, random), someBytes(16_384, 0.5, random)];
		const from = Math.floor(random() * 31) * UNIT;
		const mixed = value.slice();
		mixed.set(other.subarray(from, from + UNIT), from);
		assert.notEqual(checksumOf(mixed), checksumOf(value), `round ${round}: at ${from}`);
	}
});

test("bytes of any length have a checksum", () => {
	for (let length = 0; length < 520; length += 1) {
		const value = new Uint8Array(length).fill(9);
		assert.equal(checksumOf(value), checksumOf(value.slice()));
		if (length > 0) assert.notEqual(checksumOf(value), checksumOf(new Uint8Array(length)));
	}
});

test("the checksum of a value stays what it was: it is stored", () => {
	for (const [length, checksum, withZeros] of [
		[1001, 0x685b9b62, 0xe81afc42],
		[1025, 0x1f717ef2, 0x8bb3a835],
		[16_384, 0xae67ceb3, 0x8382fa5f],
	] as const) {
		const value = Uint8Array.from({ length }, (_, index) => index * 31);
		assert.equal(checksumOf(value), checksum, `${length} bytes`);
		assert.equal(checksumOf(value.fill(0, 200, 600)), withZeros, `${length} bytes, zeros among them`);
	}
});
