import { test } from "node:test";
import { openTab } from "../support/chromium.js";

for (const [title, without] of [
	["IndexedDB", []],
	["IndexedDB without getAllRecords", ["getAllRecords"]],
] as const) {
	test(`the host conformance suite on ${title}`, async (t) => {
		const page = await openTab();
		await page.evaluate((names) => {
			for (const name of names) {
				if (!Reflect.deleteProperty(IDBObjectStore.prototype, name)) throw new Error(`${name} cannot be removed`);
				if (name in IDBObjectStore.prototype) throw new Error(`${name} is still there`);
			}
		}, without);
		const names = await page.evaluate(() => streamkit.conformanceCases());
		for (const name of names) {
			await t.test(`${title}: ${name}`, async (t) => {
				const reason = await page.evaluate((name) => streamkit.runConformanceCase(name), name);
				if (reason !== undefined) t.skip(reason);
			});
		}
		await page.close();
	});
}
