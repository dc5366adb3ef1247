import assert from "node:assert/strict";
import { test } from "node:test";
import type { Written } from "../page/scenes.js";
import { type Browser, freshName, loaded, type Tab } from "../support/browser.js";

const TABS = 3;
const APPENDS = 40;

/** Tabs that write to one store. */
export function tabs(browser: Browser): void {
	test("tabs that append at once leave dense sequences and every acknowledged entry once", async () => {
		const name = freshName();
		const tabs: Tab[] = [];
		for (let i = 0; i < TABS; i++) tabs.push(await browser.openTab());
		const answers = await Promise.all(
			tabs.map((tab, index) =>
				tab.evaluate(
					async ([name, tab, count]) => [
						...(await streamkit.compete(name, tab, "shared", count)),
						...(await streamkit.compete(name, tab, `own-${tab}`, count)),
					],
					[name, `tab${index}`, APPENDS] as const,
				),
			),
		);
		const [tab] = tabs as [Tab];
		const written: Written[] = answers.flat();
		assert.equal(written.length, TABS * 4 * APPENDS);
		for (const segment of ["shared", ...tabs.map((_, index) => `own-tab${index}`)]) {
			const found = await tab.evaluate(([name, segment]) => streamkit.payloads(name, segment), [
				name,
				segment,
			] as const);
			const expected: string[] = [];
			for (const one of written) if (one.segment === segment) expected[one.sequence - 1] = one.payload;
			assert.deepEqual(found, expected, segment);
		}
		assert.deepEqual(await tab.evaluate((name) => streamkit.verified(name), name), {
			entries: written.length,
			problems: [],
		});
		await Promise.all(tabs.map((tab) => tab.close()));
	});

	test("a reader goes on from its offset after its tab was reloaded", async () => {
		const name = freshName();
		const tab = await browser.openTab();
		const all: string[] = [];
		for (let i = 0; i < 10; i++) {
			all.push(`entry ${i}`);
			await tab.evaluate(([name, i]) => streamkit.publish(name, `segment-${i % 3}`, `entry ${i}`), [name, i] as const);
		}
		const [first, offset] = await tab.evaluate((name) => streamkit.readOn(name, "", 4), name);
		await tab.reload();
		await loaded(tab);
		await tab.evaluate((name) => streamkit.publish(name, "segment-0", "one more"), name);
		const [rest] = await tab.evaluate(([name, offset]) => streamkit.readOn(name, offset, 100), [name, offset] as const);
		assert.equal(first.length, 4);
		assert.deepEqual([...first, ...rest], [...all, "one more"]);
		await tab.close();
	});
}
