import { test } from "node:test";
import type { Browser } from "../support/browser.js";

/** The host conformance suite, each case a test of its own. */
export function conformance(browser: Browser): void {
	suite(browser, "IndexedDB", []);
}

/** The same by the calls that `getAllRecords` is made of, where it is there: elsewhere these are used anyway. */
export function conformanceWithoutGetAllRecords(browser: Browser): void {
	suite(browser, "IndexedDB without getAllRecords", ["getAllRecords"]);
}

function suite(browser: Browser, title: string, without: readonly string[]): void {
	test(`the host conformance suite on ${title}`, async (t) => {
		const tab = await browser.openTab();
		await tab.evaluate((names) => {
			for (const name of names) {
				if (!Reflect.deleteProperty(IDBObjectStore.prototype, name)) throw new Error(`${name} cannot be removed`);
				if (name in IDBObjectStore.prototype) throw new Error(`${name} is still there`);
			}
		}, without);
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
