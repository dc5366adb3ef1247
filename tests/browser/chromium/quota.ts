import assert from "node:assert/strict";
import { test } from "node:test";

import { freshName } from "../support/browser.js";
import type { Chromium } from "../support/chromium.js";
import { newSite } from "../support/site.js";

const MIB = 1 << 20;

/** Quotas and permissions, as the browser's own controls set them. */
export function quota(chromium: Chromium): void {
	test("an origin without room refuses with QUOTA_EXCEEDED, and stores nothing", { timeout: 120_000 }, async () => {
		const site = await newSite();
		const tab = await chromium.openTab(site);
		const name = freshName();
		const session = await tab.controls();
		// Before the database is made: Chromium keeps for a while what it found about the room.
		await session.send("Storage.overrideQuotaForOrigin", { origin: site.origin, quotaSize: 2 * MIB });
		await tab.evaluate((name) => streamkit.publish(name, "segment", "before"), name);

		const commit = await tab.evaluate(
			async ([name, size]) => {
				const host = await streamkit.hostOf(name);
				const key = new TextEncoder().encode("zz");
				const puts = [{ key, value: streamkit.noise(size) }];
				const refused = await streamkit.outcome(async () =>
					host.commit({ checks: [{ key, value: undefined }], deletes: [], puts, durability: "relaxed" }),
				);
				const [found] = await host.get([key]);
				return { refused, found: found?.length };
			},
			[name, 8 * MIB] as const,
		);
		assert.equal("code" in commit.refused && commit.refused.code, "QUOTA_EXCEEDED");
		assert.deepEqual("details" in commit.refused && commit.refused.details, { database: name, applied: false });
		assert.equal(commit.found, undefined);

		const produce = () =>
			tab.evaluate(
				async ([name, size]) => {
					const store = await streamkit.opened(name);
					const records = Array.from({ length: 8 }, () => ({ payload: streamkit.noise(size) }));
					return streamkit.outcome(() => store.produce("space", "large", records));
				},
				[name, MIB] as const,
			);
		const refused = await produce();
		assert.equal("code" in refused && refused.code, "QUOTA_EXCEEDED");
		assert.equal((await tab.evaluate((name) => streamkit.payloads(name, "large"), name)).length, 0);
		assert.deepEqual(await tab.evaluate((name) => streamkit.verified(name), name), { entries: 1, problems: [] });

		// With room again, the same store goes on.
		await session.send("Storage.overrideQuotaForOrigin", { origin: site.origin });
		const stored = await produce();
		assert.equal("value" in stored && stored.value.lastSequence, 8);
		await tab.close();
	});

	test("an origin without room for a database refuses to open one with QUOTA_EXCEEDED", {
		timeout: 120_000,
	}, async () => {
		const site = await newSite();
		const tab = await chromium.openTab(site);
		const name = freshName();
		const session = await tab.controls();
		await session.send("Storage.overrideQuotaForOrigin", { origin: site.origin, quotaSize: 1 });
		const open = () =>
			tab.evaluate((name) => streamkit.outcome(async () => (await streamkit.indexedDbHost(name)).close?.()), name);
		const refused = await open();
		assert.equal("code" in refused && refused.code, "QUOTA_EXCEEDED");
		assert.deepEqual("details" in refused && refused.details, { database: name, applied: false });
		await tab.close();
	});

	test("persist asks the browser, and health tells what it said", { timeout: 120_000 }, async () => {
		const site = await newSite();
		const tab = await chromium.openTab(site);
		const open = (database: string) =>
			tab.evaluate(async (name) => {
				const host = await streamkit.indexedDbHost(name, { persist: true });
				const store = await streamkit.openStore(host);
				const { persisted, warnings } = await store.health();
				await store.close();
				await host.close?.();
				return { persisted, warnings };
			}, database);
		const session = await tab.controls();
		const answerWith = (setting: "denied" | "granted") =>
			session.send("Browser.setPermission", {
				permission: { name: "persistent-storage" },
				setting,
				origin: site.origin,
			});
		await answerWith("denied");
		const refused = await open(freshName());
		assert.equal(refused.persisted, false);
		assert.match(refused.warnings.join("\n"), /has not agreed/);

		await answerWith("granted");
		let agreed = await open(freshName());
		// Opening does not wait for the browser's answer.
		while (agreed.persisted !== true) agreed = await open(freshName());
		assert.deepEqual(agreed.warnings, []);
		await tab.close();
	});
}
