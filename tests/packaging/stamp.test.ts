import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { test } from "node:test";
import { isFresh, make } from "../../scripts/lib/stamp.mjs";

test("what was made half counts as made from nothing, also from what it was made from before", async (t) => {
	const name = `test-${process.pid}`;
	const stamp = new URL(`../../.tools/stamps/${name}`, import.meta.url);
	t.after(() => rmSync(stamp, { force: true }));
	await make(name, "before", () => {});
	assert.equal(isFresh(name, "before", []), true);
	const broken = make(name, "after", () => Promise.reject(new Error("broken off")));
	assert.equal(isFresh(name, "before", []), false);
	await assert.rejects(broken, /broken off/);
	assert.equal(isFresh(name, "before", []) || isFresh(name, "after", []), false);
	await make(name, "before", () => {});
	assert.equal(isFresh(name, "before", []), true);
});
