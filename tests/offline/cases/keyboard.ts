import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { kept, note, shown, User } from "../support/browser.js";

/** What has the focus, and whether that can be seen. */
async function focus(page: Page): Promise<{ name: string; seen: boolean }> {
	return page.evaluate(() => {
		const element = document.activeElement;
		if (!(element instanceof HTMLElement) || element === document.body) return { name: "", seen: false };
		const label = element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement ? element.labels : null;
		const name = (label?.[0] ?? element).textContent?.trim() ?? "";
		return { name, seen: getComputedStyle(element).outlineStyle === "solid" };
	});
}

/** Goes on with the Tab key until something of that name has the focus. */
async function tabTo(page: Page, name: RegExp): Promise<void> {
	const passed: string[] = [];
	for (let step = 0; step < 30; step++) {
		await page.keyboard.press("Tab");
		const { name: found, seen } = await focus(page);
		passed.push(found);
		if (found !== "") assert.ok(seen, `the focus on "${found}" cannot be seen`);
		if (name.test(found)) return;
	}
	assert.fail(`not reached by Tab: ${name} (${passed.join(", ")})`);
}

test("everything can be done by keyboard", async () => {
	const user = await User.arrive();
	const page = await user.open();
	await kept(page);

	await page.keyboard.press("Tab");
	assert.equal((await focus(page)).name, "Skip to the new note");
	await page.keyboard.press("Enter");
	await page.waitForFunction(() => document.activeElement?.id === "text");
	await page.keyboard.type("Two kites");
	await tabTo(page, /^Place$/);
	await page.keyboard.type("Ridge");
	await tabTo(page, /^Save note$/);
	await page.keyboard.press("Enter");
	await note(page, "Two kites").waitFor();
	// It is said, and the next note can be written at once, at the same place.
	await page.locator("#announcer", { hasText: "Saved. Ridge, number 1." }).waitFor();
	await page.waitForFunction(() => document.activeElement?.id === "text");
	await page.keyboard.type("Four kites");
	await page.keyboard.press("Control+Enter");
	await note(page, "Four kites").waitFor();
	await page.waitForFunction(() => document.querySelector<HTMLTextAreaElement>("#text")?.value === "");
	assert.deepEqual(await shown(page), ["Ridge|no. 2|Four kites", "Ridge|no. 1|Two kites"]);

	await tabTo(page, /^Seen earlier\?$/);
	await page.keyboard.press("Enter");
	await page.waitForFunction(() => document.activeElement?.id === "when");
	await tabTo(page, /^Ask the browser to keep it$/);
	await page.keyboard.press("Enter");
	await page.locator("#persist-outcome", { hasText: /\.$/ }).waitFor();
	await tabTo(page, /^Export$/);
	const [download] = await Promise.all([page.waitForEvent("download"), page.keyboard.press("Enter")]);
	assert.match(download.suggestedFilename(), /\.streamkit$/);
	await page.getByText("Exported to").waitFor();
	// The focus is where it was.
	assert.equal((await focus(page)).name, "Export");
	await tabTo(page, /^Import$/);
	const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.keyboard.press("Enter")]);
	await chooser.setFiles({ name: "x", mimeType: "", buffer: Buffer.from("x") });
	await page.getByRole("alert").filter({ hasText: "The file was not imported" }).waitFor();
	assert.deepEqual(user.errors, []);
	await user.leave();
});

test("another tab's note is said to those who do not see it", async () => {
	const user = await User.arrive();
	const [first, second] = [await user.open(), await user.open()];
	await first.getByLabel("Place", { exact: true }).fill("Ridge");
	await first.getByLabel("What did you see?").fill("Two kites");
	await first.getByRole("button", { name: "Save note" }).click();
	await second.locator("#announcer[role=status]", { hasText: "New note at Ridge: Two kites" }).waitFor();
	await first.locator("#announcer", { hasText: "Saved. Ridge, number 1." }).waitFor();
	await user.leave();
});
