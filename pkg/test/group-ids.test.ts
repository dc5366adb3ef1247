import assert from "node:assert/strict";
import { test } from "node:test";
import { isStreamkitError } from "../src/errors.js";
import { checkIds } from "../src/streams/group-options.js";
import { parseId } from "../src/streams/ids.js";

const LAST_N = Number.MAX_SAFE_INTEGER;
const GOOD = [
	...["1703350800000-0", "1703350800000-1", "1703350800000-12", "1703350800001-7", "1703350800000-999999999999999"],
	...[`1703350800000-${LAST_N}`, "17-0", "1-7", "17-3", "0-0", `281474976710655-${LAST_N}`, "0-5", "1703350800000-3"],
];
const BAD: unknown[] = [
	...["", "1", "1-", "1703350800000-", "1703350800000-01", "1703350800000-1x", "1703350800000-1-1", "1703350800000--1"],
	...["1703350800000-9007199254740992", "1703350800000-9999999999999999", "1703350800000- 1", "01703350800000-1"],
	...["281474976710656-0", "1703350800000-\u0661", 5, null, undefined, {}, 1703350800000n, ["1-1"]],
];

test("ids are read as each is by itself, whatever came before", () => {
	for (const before of GOOD) {
		for (const id of GOOD) {
			const numbers = checkIds([before, id, before]);
			const expected = [before, id, before].flatMap((text) => {
				const { ms, n } = parseId("id", text);
				return [ms, n];
			});
			assert.deepEqual([...numbers], expected, `${id} after ${before}`);
		}
	}
});

test("what is no id is refused by its place, whatever came before", () => {
	const refused = (place: number) => (error: unknown) =>
		isStreamkitError(error, "INVALID_ARGUMENT") && error.message.startsWith(`ids[${place}]: must be an id <ms>-<n>`);
	for (const id of BAD) {
		assert.throws(() => checkIds([id]), refused(0), String(id));
		assert.throws(() => checkIds(["1703350800000-1", "1703350800000-2", id]), refused(2), String(id));
	}
});
