import assert from "node:assert/strict";
import { test } from "node:test";
import type { Written } from "../page/scenes.js";
import { controls, freshName, openTab } from "../support/chromium.js";

const ENDS = ["its process is killed", "it is closed", "its process is killed"] as const;
const ACKNOWLEDGED = 60;

test("a tab that ends while it writes loses nothing that was acknowledged", { timeout: 300_000 }, async (t) => {
	const name = freshName();
	const written: Written[] = [];
	for (const [round, end] of ENDS.entries()) {
		await t.test(`round ${round + 1}: ${end}`, async () => {
			const tab = await openTab();
			let count = 0;
			const enough = new Promise<void>((resolve) => {
				const acknowledge = (one: Written): void => {
					written.push(one);
					count++;
					if (count === ACKNOWLEDGED) resolve();
				};
				void tab.exposeFunction("acknowledged", acknowledge).then(() =>
					// Ends with the tab, whichever way that does.
					tab.evaluate(([name, round]) => streamkit.writeForEver(name, round), [name, round] as const).catch(() => {}),
				);
			});
			await enough;
			if (end === "it is closed") {
				await tab.close();
			} else {
				const crashed = tab.waitForEvent("crash");
				const session = await controls(tab);
				// The process that would answer is the one that is killed.
				session.send("Page.crash").catch(() => {});
				await crashed;
				await tab.close();
			}

			const reader = await openTab();
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
