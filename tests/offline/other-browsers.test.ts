// The page is made for every browser, and driven through all that it does in Chromium: here, what it is for.

import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, test } from "node:test";
import { findFirefox, findWebKit, firefoxHelp, webKitHelp } from "../../scripts/lib/browsers.mjs";
import { type Browser, type Tab, until } from "../browser/support/browser.js";
import { Firefox } from "../browser/support/firefox.js";
import { WebKit } from "../browser/support/webkit.js";
import { buildExample, Site } from "./support/site.js";

const folder = await buildExample();
after(() => rm(folder, { recursive: true, force: true }));

const opened = (tab: Tab) => until(tab, () => document.querySelector('#page[aria-busy="false"]') !== null);

/** Writes a note as a user does, and waits until it is in the timeline. */
async function write(tab: Tab, text: string): Promise<void> {
	await tab.evaluate((text) => {
		const [note, place] = [document.querySelector("textarea"), document.querySelector<HTMLInputElement>("#place")];
		if (note === null || place === null) throw new Error("the form is not there");
		note.value = text;
		place.value = "The hill";
		note.form?.requestSubmit();
	}, text);
	while (!(await texts(tab)).some((shown) => shown.includes(text)));
}

/** The notes of the timeline. */
function texts(tab: Tab): Promise<string[]> {
	return tab.evaluate(() => [...document.querySelectorAll<HTMLElement>(".note")].map((note) => note.innerText));
}

for (const [browser, missing] of [
	[new Firefox(), findFirefox() === undefined && firefoxHelp],
	[new WebKit(), findWebKit() === undefined && webKitHelp],
] as readonly (readonly [Browser, string | false])[]) {
	test(`${browser.name}: the log is written to in two tabs, and without a network`, { skip: missing }, async () => {
		const site = new Site(folder);
		await site.start();
		try {
			const [tab, other] = [await browser.visit(site.url), await browser.visit(site.url)];
			await Promise.all([opened(tab), opened(other)]);
			await write(tab, "A kestrel over the barn");
			await until(other, () => document.querySelectorAll(".note").length === 1);
			await until(tab, () => document.body.innerText.includes("Ready for offline use"));
			await site.stop();
			await tab.reload();
			await opened(tab);
			await write(tab, "Rain from the west");
			await until(other, () => document.querySelectorAll(".note").length === 2);
			const shown = await texts(other);
			for (const text of ["A kestrel over the barn", "Rain from the west"])
				assert.equal(shown.filter((note) => note.includes(text)).length, 1, text);
		} finally {
			await browser.shutDown();
			await site.stop();
		}
	});
}
