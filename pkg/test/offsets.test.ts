import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { i64, LexKey, u64 } from "../src/lexkey.js";
import { parseSegmentOffset, parseSpaceOffset, segmentOffset, spaceOffset } from "../src/reading/offsets.js";

const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }).filter((text) => !text.includes("\0"));
const milliseconds = fc.integer({ min: 1, max: 2 ** 48 - 1 });
const number = fc.maxSafeNat();

test("offsets are the keys that format.md says", () => {
	// Few names, so that offsets of one and of different spaces and segments follow each other.
	const names = fc.constantFrom("a", "b", "\u00e9", "a b");
	fc.assert(
		fc.property(fc.array(fc.tuple(names, names, milliseconds, number)), (positions) => {
			for (const [space, segment, ms, n] of positions) {
				const inSpace = spaceOffset(space, ms, n);
				assert.deepEqual(inSpace.bytes, LexKey.encode("DAT", "SPACES", space, i64(ms), u64(n)).bytes);
				const inSegment = segmentOffset(space, segment, n);
				assert.deepEqual(inSegment.bytes, LexKey.encode("DAT", "SEGMENTS", space, segment, u64(n)).bytes);
			}
		}),
	);
});

test("offsets come back, as keys and as hex", () => {
	fc.assert(
		fc.property(name, name, milliseconds, number, (space, segment, ms, n) => {
			const inSpace = spaceOffset(space, ms, n);
			const inSegment = segmentOffset(space, segment, n);
			for (const form of [(key: LexKey) => key, (key: LexKey) => key.toHex(), (key: LexKey) => key.bytes]) {
				assert.deepEqual(parseSpaceOffset("offset", form(inSpace), space), { ms, n });
				assert.equal(parseSegmentOffset("offset", form(inSegment), space, segment), n);
			}
		}),
	);
});

test("the order of offsets is that of ids and of sequences", () => {
	const id = fc.tuple(milliseconds, number);
	fc.assert(
		fc.property(id, id, ([ms, n], [otherMs, otherN]) => {
			const ids = Math.sign(ms - otherMs) || Math.sign(n - otherN);
			assert.equal(LexKey.compare(spaceOffset("s", ms, n), spaceOffset("s", otherMs, otherN)), ids);
			const sequences = Math.sign(n - otherN);
			assert.equal(LexKey.compare(segmentOffset("s", "g", n), segmentOffset("s", "g", otherN)), sequences);
		}),
	);
});

test("an offset cannot be changed through what it gives, nor through the one before it", () => {
	const first = spaceOffset("s", 5, 6);
	first.bytes.fill(0);
	const second = spaceOffset("s", 5, 7);
	second.bytes.fill(0);
	assert.deepEqual(parseSpaceOffset("offset", first, "s"), { ms: 5, n: 6 });
	assert.deepEqual(parseSpaceOffset("offset", second, "s"), { ms: 5, n: 7 });
	assert.notDeepEqual(first, second, "keys are compared by what they hold");
	assert.deepEqual(first, spaceOffset("s", 5, 6));
});
