import assert from "node:assert/strict";
import { test } from "node:test";
import { User, write } from "../support/browser.js";

test("on a phone nothing is wider than the screen, in light and dark", async () => {
	const user = await User.arrive();
	const page = await user.open();
	await write(page, "Ridge", "Two kites");
	await write(
		page,
		"The place with the name that hardly ends, behind the old monastery",
		`A ${"very".repeat(60)} long word`,
	);
	for (const place of ["River", "Orchard", "Meadow", "Wood"]) await write(page, place, "Something");
	await page.locator("#import-file").setInputFiles({ name: "x", mimeType: "", buffer: Buffer.from("x") });
	await page.getByRole("alert").filter({ hasText: "The file was not imported" }).waitFor();
	await page.getByText("Seen earlier?").click();
	await page.setViewportSize({ width: 360, height: 740 });
	const backgrounds: string[] = [];
	for (const colorScheme of ["light", "dark"] as const) {
		await page.emulateMedia({ colorScheme });
		const { width, outside, background } = await page.evaluate(() => ({
			width: document.documentElement.scrollWidth,
			outside: [...document.querySelectorAll("button, input, textarea, .note, .notice, h2, h3, dd")]
				.filter((element) => element.closest("#place-list, .unseen, [hidden]") === null)
				.filter((element) => element.getBoundingClientRect().right > 360)
				.map((element) => element.outerHTML.slice(0, 80)),
			background: getComputedStyle(document.documentElement).backgroundColor,
		}));
		assert.equal(width, 360);
		assert.deepEqual(outside, []);
		backgrounds.push(background);
	}
	assert.notEqual(backgrounds[0], backgrounds[1]);
	await user.leave();
});

test("the state of the storage is shown, and keeping can be asked for", async () => {
	const user = await User.arrive();
	const page = await user.open();
	const storage = page.getByRole("region", { name: "Storage", exact: true });
	await storage.getByText("while there is room").waitFor();
	const text = (await storage.innerText()).replaceAll(/\s+/g, " ");
	assert.match(text, /Used [\d.,]+ (bytes|KB|MB|GB) of [\d.,]+ (MB|GB|TB)/);
	assert.match(text, /Survives a crash of the browser/);
	const warnings = page.getByRole("list", { name: "Warnings of the storage" }).getByRole("listitem");
	assert.match(await warnings.first().innerText(), /may remove this data/);

	// Browsers decide by rules of their own: one that does not agree, then one that does.
	await page.evaluate("Object.assign(navigator.storage, { persist: async () => false })");
	await page.getByRole("button", { name: "Ask the browser to keep it" }).click();
	await page.getByText("The browser did not agree.").waitFor();
	await page.evaluate("Object.assign(navigator.storage, { persist: async () => true, persisted: async () => true })");
	await page.getByRole("button", { name: "Ask the browser to keep it" }).click();
	await page.getByText("The browser keeps the log until you remove it.").waitFor();
	await storage.getByText("until you remove it", { exact: true }).waitFor();
	await page.getByRole("button", { name: "Ask the browser to keep it" }).waitFor({ state: "hidden" });
	await user.leave();
});
