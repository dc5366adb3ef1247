import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { controls, freshName, newSite, openTab } from "../support/chromium.js";

test("an eviction is noticed by open tabs at once, and by every visit until something is stored", {
	timeout: 120_000,
}, async () => {
	const site = await newSite();
	const tab = await openTab(site);
	const name = freshName();
	await tab.evaluate((name) => streamkit.publish(name, "segment", "lost"), name);
	const session = await controls(tab);
	await session.send("Storage.clearDataForOrigin", { origin: site.origin, storageTypes: "indexeddb" });

	const publish = () =>
		tab.evaluate((name) => streamkit.outcome(() => streamkit.publish(name, "segment", "never stored")), name);
	let after = await publish();
	// A database that is being removed cannot be looked at: that is worth another try.
	while ("code" in after && after.retryable) after = await publish();
	assert.equal("code" in after && after.code, "UNAVAILABLE");
	assert.match("message" in after ? after.message : "", /deleted or replaced/);
	assert.deepEqual(await tab.evaluate(async () => (await indexedDB.databases()).length), 0, "nothing is made anew");

	const visit = (by: Page) =>
		by.evaluate(async (name) => {
			await streamkit.closed(name);
			const { evicted, warnings } = await (await streamkit.opened(name)).health();
			return { evicted, warnings, found: await streamkit.payloads(name, "segment") };
		}, name);
	const another = await openTab(site);
	for (const by of [tab, another, tab]) {
		const next = await visit(by);
		assert.equal(next.evicted, true);
		assert.match(next.warnings.join("\n"), /at the last visit is gone/);
		assert.deepEqual(next.found, []);
	}

	await another.evaluate((name) => streamkit.publish(name, "segment", "new"), name);
	for (const by of [another, tab, await openTab(site)]) {
		const later = await visit(by);
		assert.equal(later.evicted, undefined);
		assert.deepEqual(later.found, ["new"]);
	}
	await another.close();
	await tab.close();
});

test("a database that was deleted and made again is not taken for the one before", async () => {
	const site = await newSite();
	const [first, second] = [await openTab(site), await openTab(site)];
	const name = freshName();
	await first.evaluate((name) => streamkit.publish(name, "segment", "old"), name);
	await second.evaluate((name) => streamkit.take(name), name);
	await second.evaluate((name) => streamkit.publish(name, "segment", "new"), name);
	const answer = await first.evaluate(
		(name) => streamkit.outcome(() => streamkit.publish(name, "segment", "for the old one")),
		name,
	);
	assert.equal("code" in answer && answer.code, "UNAVAILABLE");
	assert.deepEqual(await second.evaluate((name) => streamkit.payloads(name, "segment"), name), ["new"]);
	await first.close();
	await second.close();
});
