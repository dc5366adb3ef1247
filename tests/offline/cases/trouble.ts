import assert from "node:assert/strict";
import { test } from "node:test";
import { note, opened, placeField, shown, textField, User, write } from "../support/browser.js";

test("what cannot be stored is said at the form, and nothing of it is lost or stored", async () => {
	const user = await User.arrive();
	const page = await user.open();
	const save = page.getByRole("button", { name: "Save note" });
	const problem = page.getByRole("alert");

	await textField(page).fill("   ");
	await placeField(page).fill("Ridge");
	await save.click();
	await problem.getByText("Write a note first.").waitFor();
	await textField(page).fill("Two kites");
	await placeField(page).fill("x".repeat(129));
	await save.click();
	await problem.getByText("This name is too long").waitFor();
	assert.equal(await placeField(page).getAttribute("aria-invalid"), "true");
	assert.equal(await page.evaluate(() => document.activeElement?.id), "place");
	assert.equal(await textField(page).inputValue(), "Two kites");

	await placeField(page).fill("Ridge");
	await save.click();
	await note(page, "Two kites").waitFor();
	await problem.waitFor({ state: "hidden" });
	assert.deepEqual(await shown(page), ["Ridge|no. 1|Two kites"]);
	await user.leave();
});

test("a browser without storage says so, and offers to try again", async () => {
	const user = await User.arrive();
	const page = await user.newTab();
	await page.addInitScript(() => {
		if (sessionStorage.getItem("storage") === null)
			Object.defineProperty(globalThis, "indexedDB", { value: undefined });
	});
	await page.goto(user.site.url);
	const alert = page.getByRole("alert").filter({ hasText: "The log cannot be opened" });
	await alert.getByText("This browser keeps no data for this page").waitFor();
	await alert.getByText("Details").click();
	await alert.getByText("UNSUPPORTED").waitFor();
	assert.equal(await page.getByRole("button", { name: "Save note" }).isDisabled(), true);
	await page.evaluate(() => sessionStorage.setItem("storage", "on"));
	await alert.getByRole("button", { name: "Reload" }).click();
	await opened(page);
	await write(page, "Ridge", "Two kites");
	await user.leave();
});

test("a clock that was wrong once spoils the time of no other note", async () => {
	const user = await User.arrive();
	const page = await user.newTab();
	await page.addInitScript(() => {
		const { now } = Date;
		Date.now = () => now() + Number(sessionStorage.getItem("ahead") ?? 0);
	});
	const setAhead = (days: number) =>
		page.evaluate((days) => sessionStorage.setItem("ahead", String(days * 86_400_000)), days);
	await page.goto(user.site.url);
	await opened(page);
	await setAhead(40);
	await write(page, "Ridge", "Two kites");
	await setAhead(0);
	await write(page, "Ridge", "Four kites");
	await setAhead(-3);
	await write(page, "River", "An otter");
	await setAhead(0);

	/** In days from now. */
	const days = async (selector: string): Promise<number[]> => {
		const times = page.locator(selector);
		const all = await times.evaluateAll((found) => found.map((time) => Date.parse((time as HTMLTimeElement).dateTime)));
		// Without a zero that is below zero.
		return all.map((time) => Math.round((time - Date.now()) / 86_400_000) + 0);
	};
	const shows = async (): Promise<void> => {
		await page.locator("#place-list li").nth(2).waitFor();
		assert.deepEqual(await days(".note > time"), [-3, 0, 40]);
		// Of the last note of each place, the latest first.
		assert.deepEqual(await days("#place-list time"), [-3, 0]);
	};
	await shows();
	await page.reload();
	await opened(page);
	await shows();
	await page.getByRole("heading", { name: /^Today/ }).waitFor();
	await user.leave();
});

test("a log that is removed while it is open is told, and not made anew in silence", async () => {
	const user = await User.arrive();
	const page = await user.open();
	await write(page, "Ridge", "Two kites");
	await page.evaluate(
		() =>
			new Promise<void>((resolve, reject) => {
				const request = indexedDB.deleteDatabase("field-log");
				request.onsuccess = () => resolve();
				request.onerror = () => reject(request.error);
			}),
	);
	const alert = page.getByRole("alert").filter({ hasText: "The log cannot be read any more" });
	await alert.getByText("it may have been removed").waitFor();
	await alert.getByRole("button", { name: "Reload" }).click();
	await opened(page);
	await page.getByRole("heading", { name: "Nothing noted yet" }).waitFor();
	// The loss is told.
	await page.getByRole("list", { name: "Warnings of the storage" }).getByText("last visit").waitFor();
	await user.leave();
});
