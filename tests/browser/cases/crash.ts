import assert from "node:assert/strict";
import { test } from "node:test";
import type { Written } from "../page/scenes.js";
import { type Browser, freshName, type Tab } from "../support/browser.js";
import { newSite } from "../support/site.js";

const ACKNOWLEDGED = 60;

/** Tabs that end while they write. */
export function crash(browser: Browser): void {
	test("a tab that ends while it writes loses nothing that was acknowledged", { timeout: 300_000 }, async (t) => {
		const name = freshName();
		const site = await newSite();
		const written: Written[] = [];
		const closed = { title: "it is closed", bring: (tab: Tab) => tab.close() };
		for (const [round, end] of [...browser.ends, closed, ...browser.ends].entries()) {
			await t.test(`round ${round + 1}: ${end.title}`, async () => {
				const tab = await browser.openTab(site);
				let count = 0;
				const enough = new Promise<void>((resolve) => {
					site.told = (message) => {
						written.push(message as Written);
						count++;
						if (count === ACKNOWLEDGED) resolve();
					};
				});
				await tab.evaluate(([name, round]) => streamkit.writeForEver(name, round), [name, round] as const);
				await enough;
				await end.bring(tab);

				const reader = await browser.openTab(site);
				for (const segment of ["a", "b", "c"]) {
					const found = await reader.evaluate(([name, segment]) => streamkit.payloads(name, segment), [
						name,
						segment,
					] as const);
					for (const { payload, sequence } of written.filter((one) => one.segment === segment)) {
						assert.equal(found[sequence - 1], payload, `sequence ${sequence} of ${segment} was acknowledged`);
					}
					if (segment === "c") assert.equal(found.length % 20, 0, "a part of a batch");
					else assert.equal(new Set(found).size, found.length, `an entry of ${segment} is there twice`);
				}
				const { problems } = await reader.evaluate((name) => streamkit.verified(name), name);
				assert.deepEqual(problems, []);
				await reader.close();
			});
		}
	});
}
