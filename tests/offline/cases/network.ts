import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { exportFile, kept, note, opened, shown, User, write } from "../support/browser.js";

test("without a network it starts, shows, takes notes, tells other tabs, and exports", async () => {
	const user = await User.arrive();
	const page = await user.open();
	await write(page, "Ridge", "Two kites");
	await kept(page);

	await user.context.setOffline(true);
	await user.site.stop();
	try {
		await page.getByText("Offline: everything works").waitFor();
		await page.reload();
		await opened(page);
		assert.deepEqual(await shown(page), ["Ridge|no. 1|Two kites"]);
		await write(page, "Ridge", "Four kites");

		const other = await user.open();
		await write(other, "River", "An otter");
		await note(page, "An otter").waitFor();

		// What exporting needs of the engine was not loaded before.
		const { name, path } = await exportFile(page);
		assert.match(name, /^field-log-\d{4}-\d\d-\d\d\.streamkit$/);
		assert.ok((await readFile(path)).length > 100);
		await page.getByText(`Exported to ${name}.`).waitFor();

		// The page goes on after that, with all of it.
		await write(page, "Ridge", "Five kites");
		await note(other, "Five kites").waitFor();
		assert.equal((await shown(other)).length, 4);
		assert.deepEqual(user.errors, []);
	} finally {
		// Others use this browser too.
		await user.context.setOffline(false);
	}
	await user.leave();
});
