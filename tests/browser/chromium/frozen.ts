import assert from "node:assert/strict";
import { test } from "node:test";
import { launch } from "puppeteer-core";
import { findChromium } from "../../../scripts/lib/browsers.mjs";
import { freshName, PATIENCE } from "../support/browser.js";
import type { Chromium } from "../support/chromium.js";
import { sharedSite } from "../support/site.js";

/** A tab that the browser has frozen, as it does with those that nobody looks at. */
export function frozen(_: Chromium): void {
	test("a frozen tab holds up no deletion, and goes on where it was", { timeout: PATIENCE }, async () => {
		// By Puppeteer: what Playwright drives is always looked at.
		const browser = await launch({
			browser: "chrome",
			executablePath: findChromium() as string,
			args: ["--no-sandbox"],
			timeout: PATIENCE,
			protocolTimeout: PATIENCE,
		});
		try {
			const open = async () => {
				const tab = await browser.newPage();
				await tab.goto((await sharedSite()).url("/"));
				await tab.waitForFunction(() => "streamkit" in globalThis);
				return tab;
			};
			const [kept, taken] = [freshName(), freshName()];
			const [tab, other] = [await open(), await open()];
			for (const name of [kept, taken]) {
				await tab.evaluate((name) => streamkit.publish(name, "segment", "before"), name);
			}
			await other.bringToFront();
			const session = await tab.createCDPSession();
			await session.send("Page.setWebLifecycleState", { state: "frozen" });
			assert.equal(await other.evaluate((name) => streamkit.take(name), taken), 0, "the deletion was held up");
			await session.send("Page.setWebLifecycleState", { state: "active" });

			const publish = (name: string) =>
				tab.evaluate((name) => streamkit.outcome(() => streamkit.publish(name, "segment", "after")), name);
			const answer = await publish(taken);
			assert.equal("code" in answer && answer.code, "UNAVAILABLE");
			assert.equal("code" in answer && answer.retryable, false);
			assert.deepEqual(await publish(kept), { value: 2 });
			assert.deepEqual(await tab.evaluate((name) => streamkit.payloads(name, "segment"), kept), ["before", "after"]);
		} finally {
			await browser.close();
		}
	});
}
