import assert from "node:assert/strict";
import { test } from "node:test";
import { isStreamkitError } from "../src/errors.js";
import { type Id, idBefore, idText, parseId, parseLowerBound, parseUpperBound } from "../src/streams/ids.js";

const LAST_N = Number.MAX_SAFE_INTEGER;

/** For assert.throws: INVALID_ARGUMENT that names the argument. */
function names(argument: string): (error: unknown) => boolean {
	return (error) => isStreamkitError(error, "INVALID_ARGUMENT") && error.message.startsWith(argument);
}

test("an id has one spelling", () => {
	for (const [text, ms, n] of [
		["0-0", 0, 0],
		["1703350800000-12", 1703350800000, 12],
		[`281474976710655-${LAST_N}`, 2 ** 48 - 1, LAST_N],
	] as const) {
		assert.deepEqual(parseId("id", text), { ms, n });
		assert.equal(idText(ms, n), text);
	}
	for (const text of ["", "1", "1-", "-1", "01-0", "1-00", "+1-0", "1-0 ", "1-0-0", "a-b", "281474976710656-0"]) {
		assert.throws(() => parseId("id", text), names("id"), text);
	}
	for (const value of [`1-${2 ** 53}`, "99999999999999999999-0", 5, null, undefined, {}]) {
		assert.throws(() => parseId("id", value), names("id"));
	}
});

test("milliseconds alone mean their first id, or their last", () => {
	assert.deepEqual(parseLowerBound("start", "17"), { ms: 17, n: 0 });
	assert.deepEqual(parseUpperBound("end", "17"), { ms: 17, n: LAST_N });
	assert.deepEqual(parseUpperBound("end", "17-3"), { ms: 17, n: 3 });
	assert.throws(() => parseUpperBound("end", "$"), names("end"));
});

test("the id before another", () => {
	const cases: [Id, Id][] = [
		[
			{ ms: 5, n: 3 },
			{ ms: 5, n: 2 },
		],
		[
			{ ms: 5, n: 0 },
			{ ms: 4, n: LAST_N },
		],
		[
			{ ms: 0, n: 0 },
			{ ms: 0, n: 0 },
		],
	];
	for (const [id, before] of cases) assert.deepEqual(idBefore(id), before);
});
