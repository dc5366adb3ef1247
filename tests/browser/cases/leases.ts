import assert from "node:assert/strict";
import { test } from "node:test";
import { type Browser, freshName } from "../support/browser.js";

/** Leases between tabs. */
export function leases(browser: Browser): void {
	test("a lease is kept against other tabs, and lost with its tab", { timeout: 120_000 }, async () => {
		const name = freshName();
		const holder = await browser.openTab();
		const other = await browser.openTab();
		const token = await holder.evaluate((name) => streamkit.keepLease(name, "job", 10_000), name);
		const refused = await other.evaluate(
			(name) => streamkit.outcome(() => streamkit.takeLease(name, "job", 10_000, 0)),
			name,
		);
		assert.equal("code" in refused && refused.code, "LEASE_NOT_ACQUIRED");
		await holder.close();
		const next = await other.evaluate((name) => streamkit.takeLease(name, "job", 10_000, 100_000), name);
		assert.ok(next > token, `token ${next} after ${token}`);
		await other.close();
	});
}
