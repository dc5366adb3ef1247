import { test } from "node:test";
import type { Browser } from "../support/browser.js";

/** The host conformance suite, each case a test of its own. */
export function conformance(browser: Browser): void {
	for (const [title, without] of [
		["IndexedDB", []],
		["IndexedDB without getAllRecords", ["getAllRecords"]],
	] as const) {
		test(`the host conformance suite on ${title}`, async (t) => {
			const tab = await browser.openTab();
			const missing = await tab.evaluate(
				(names) => {
					const missing = names.filter((name) => !(name in IDBObjectStore.prototype));
					for (const name of names) {
						if (!Reflect.deleteProperty(IDBObjectStore.prototype, name)) throw new Error(`${name} cannot be removed`);
						if (name in IDBObjectStore.prototype) throw new Error(`${name} is still there`);
					}
					return missing;
				},
				without as readonly string[],
			);
			// Then the cases before were those without it.
			if (missing.length > 0) {
				await tab.close();
				t.skip(`${browser.name} has no ${missing.join(", ")}`);
				return;
			}
			const names = await tab.evaluate(() => streamkit.conformanceCases());
			for (const name of names) {
				await t.test(`${title}: ${name}`, async (t) => {
					const reason = await tab.evaluate((name) => streamkit.runConformanceCase(name), name);
					if (reason !== undefined) t.skip(reason);
				});
			}
			await tab.close();
		});
	}
}
