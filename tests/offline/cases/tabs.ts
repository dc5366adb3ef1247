import assert from "node:assert/strict";
import { test } from "node:test";
import { note, opened, placeField, shown, textField, User, write } from "../support/browser.js";

test("two tabs show the same, live, and a reload keeps it", async () => {
	const user = await User.arrive();
	const first = await user.open();
	await first.getByRole("heading", { name: "Nothing noted yet" }).waitFor();
	const second = await user.open();

	await write(first, "Ridge", "Two kites");
	await note(second, "Two kites").waitFor();
	await write(second, "River", "An otter");
	await note(first, "An otter").waitFor();
	await write(first, "Ridge", "Four kites");
	await note(second, "Four kites").waitFor();

	const expected = ["Ridge|no. 2|Four kites", "River|no. 1|An otter", "Ridge|no. 1|Two kites"];
	assert.deepEqual(await shown(first), expected);
	assert.deepEqual(await shown(second), expected);
	await first.reload();
	await opened(first);
	assert.deepEqual(await shown(first), expected);
	assert.deepEqual(user.errors, []);
	await user.leave();
});

test("places are listed with their status as others write, and one can be shown alone", async () => {
	const user = await User.arrive();
	const [first, second] = [await user.open(), await user.open()];
	await write(first, "Ridge", "Two kites");
	await write(first, "River", "An otter");
	await write(first, "Ridge", "Four kites");

	const places = second.getByRole("navigation", { name: "Places" });
	await places.getByRole("button", { name: /^All places 3 notes/ }).waitFor();
	await places.getByRole("button", { name: /^River 1 note last/ }).waitFor();
	await places.getByRole("button", { name: /^Ridge 2 notes last/ }).click();
	assert.deepEqual(await shown(second), ["Ridge|no. 2|Four kites", "Ridge|no. 1|Two kites"]);
	await second.getByRole("heading", { name: "Ridge" }).waitFor();
	assert.equal(await placeField(second).inputValue(), "Ridge");

	// What is written elsewhere stays out of sight; its place tells of it.
	await write(first, "River", "A heron");
	await places.getByRole("button", { name: /^River 2 notes last/ }).waitFor();
	await write(first, "Ridge", "Five kites");
	await note(second, "Five kites").waitFor();
	assert.equal((await shown(second)).length, 3);
	await places.getByRole("button", { name: /^All places 5 notes/ }).click();
	assert.equal((await shown(second)).length, 5);
	await user.leave();
});

test("text is never markup, keeps its lines, and a note can have been seen earlier", async () => {
	const user = await User.arrive();
	const page = await user.open();
	await page.getByText("Seen earlier?").click();
	await page.getByLabel("When it was seen").fill("2024-02-29T06:30");
	await placeField(page).fill("<b>Ridge</b>");
	await textField(page).fill("<img src=x>\nsecond line");
	await page.getByRole("button", { name: "Save note" }).click();
	await note(page, "second line").waitFor();
	assert.deepEqual(await shown(page), ["<b>Ridge</b>|no. 1|<img src=x>\nsecond line"]);
	const seen = await page.locator(".seen time").getAttribute("datetime");
	assert.equal(seen, await page.evaluate(() => new Date("2024-02-29T06:30").toISOString()));
	assert.match((await page.locator(".seen").textContent()) ?? "", /29 Feb 2024/);
	assert.deepEqual(user.errors, []);
	await user.leave();
});
