import { test } from "node:test";
import { openTab } from "../support/chromium.js";

for (const list of ["streams", "groups"] as const) {
	// Several at once: a case waits for the disk most of its time.
	test(`the cases of ${list} on IndexedDB`, { concurrency: 4 }, async (t) => {
		const page = await openTab();
		try {
			const names = await page.evaluate((list) => streamkit.sharedCases(list), list);
			if (names.length === 0) throw new Error("there are no cases");
			await Promise.all(
				names.map((name) =>
					t.test(`IndexedDB: ${name}`, { timeout: 120_000 }, () =>
						page.evaluate(([list, name]) => streamkit.runSharedCase(list, name), [list, name] as const),
					),
				),
			);
		} finally {
			await page.close();
		}
	});
}
