import assert from "node:assert/strict";
import { test } from "node:test";
import { type Browser, freshName } from "../support/browser.js";

/** Opening where it cannot succeed. */
export function absent(browser: Browser): void {
	test("where there is no IndexedDB, opening is UNSUPPORTED and says so", async () => {
		const tab = await browser.openTab();
		const answer = await tab.evaluate(async (name) => {
			Object.defineProperty(globalThis, "indexedDB", { value: undefined });
			return streamkit.outcome(() => streamkit.indexedDbHost(name));
		}, freshName());
		assert.equal("code" in answer && answer.code, "UNSUPPORTED");
		assert.match("message" in answer ? answer.message : "", /IndexedDB/);
		await tab.close();
	});

	test("wrong arguments are refused by name", async () => {
		const tab = await browser.openTab();
		const codes = await tab.evaluate(async () => {
			const given: [unknown, unknown?][] = [[""], [undefined], [7], ["\ud800"], ["x", 1], ["x", { persist: "yes" }]];
			const answers: string[] = [];
			for (const [name, options] of given) {
				const answer = await streamkit.outcome(() => streamkit.indexedDbHost(name as string, options as object));
				answers.push("code" in answer ? `${answer.code} ${answer.message.split(":")[0]}` : "opened");
			}
			return answers;
		});
		assert.deepEqual(codes, [
			"INVALID_ARGUMENT database",
			"INVALID_ARGUMENT database",
			"INVALID_ARGUMENT database",
			"INVALID_ARGUMENT database",
			"INVALID_ARGUMENT options",
			"INVALID_ARGUMENT persist",
		]);
		await tab.close();
	});
}
