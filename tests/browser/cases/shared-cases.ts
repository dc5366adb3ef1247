import { test } from "node:test";
import type { Browser } from "../support/browser.js";

/** The cases of streams and of groups that every host is tested with. */
export function sharedCases(browser: Browser): void {
	for (const list of ["streams", "groups"] as const) {
		// Several at once: a case waits for the disk most of its time.
		test(`the cases of ${list} on IndexedDB`, { concurrency: 4 }, async (t) => {
			const tab = await browser.openTab();
			try {
				const names = await tab.evaluate((list) => streamkit.sharedCases(list), list as "streams" | "groups");
				if (names.length === 0) throw new Error("there are no cases");
				await Promise.all(
					names.map((name) =>
						t.test(`IndexedDB: ${name}`, { timeout: 120_000 }, () =>
							tab.evaluate(([list, name]) => streamkit.runSharedCase(list, name), [list, name] as const),
						),
					),
				);
			} finally {
				await tab.close();
			}
		});
	}
}
