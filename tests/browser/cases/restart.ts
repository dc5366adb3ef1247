import assert from "node:assert/strict";
import { test } from "node:test";
import { freshName, openTab, quit, sharedSite } from "../support/chromium.js";

test("what was appended is there after the browser was closed and started again", async () => {
	const name = freshName();
	const site = await sharedSite();
	const before = await openTab(site);
	for (const payload of ["one", "two", "three"]) {
		await before.evaluate(([name, payload]) => streamkit.publish(name, "segment", payload), [name, payload] as const);
	}
	await quit();
	const after = await openTab(site);
	assert.deepEqual(await after.evaluate((name) => streamkit.payloads(name, "segment"), name), ["one", "two", "three"]);
	await after.close();
});
