import assert from "node:assert/strict";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { builtExample, kept, opened, shown, User, write } from "../support/browser.js";

test("the worker keeps every file of the build, both engines among them", async () => {
	const folder = await builtExample();
	const worker = await readFile(join(folder, "service-worker.js"), "utf8");
	const files = (await readdir(folder, { recursive: true, withFileTypes: true }))
		.filter((entry) => entry.isFile() && entry.name !== "service-worker.js")
		.map((entry) =>
			join(entry.parentPath, entry.name)
				.slice(folder.length + 1)
				.replaceAll("\\", "/"),
		);
	assert.equal(files.filter((file) => file.endsWith(".wasm")).length, 2);
	for (const file of files) assert.ok(worker.includes(JSON.stringify(file)), `${file} is not kept`);
	// A worker that imports would not start everywhere.
	assert.doesNotMatch(worker, /\bimport\b/);
});

/** Puts the next version of the page into the folder. */
async function release(folder: string): Promise<void> {
	const page = join(folder, "index.html");
	await writeFile(page, (await readFile(page, "utf8")).replace("<h1>Field Log</h1>", "<h1>Field Log 2</h1>"));
	const worker = join(folder, "service-worker.js");
	const text = await readFile(worker, "utf8");
	const next = text.replace(/(version["']?:\s*["'`])[0-9a-f]{12}/, "$1000000000002");
	assert.notEqual(next, text);
	await writeFile(worker, next);
}

test("a new version waits until it is wanted, and other tabs go on as they are", async () => {
	const folder = await mkdtemp(join(tmpdir(), "streamkit-offline-release-"));
	await cp(await builtExample(), folder, { recursive: true });
	try {
		const user = await User.arrive({ folder });
		const page = await user.open();
		await kept(page);
		await write(page, "Ridge", "Two kites");
		const other = await user.open();
		await kept(other);

		await release(folder);
		await page.reload();
		await opened(page);
		// Still the version that is kept.
		await page.getByRole("heading", { name: "Field Log", exact: true }).waitFor();
		await other.evaluate(() => Object.assign(globalThis, { stayed: true }));
		await page.getByRole("button", { name: "Use it now" }).click();
		await page.getByRole("heading", { name: "Field Log 2" }).waitFor();
		await opened(page);
		assert.deepEqual(await shown(page), ["Ridge|no. 1|Two kites"]);

		await other.getByText("Another tab uses a new version").waitFor();
		assert.equal(await other.evaluate(() => "stayed" in globalThis), true);
		await write(other, "Ridge", "Four kites");
		await other.getByRole("button", { name: "Reload" }).click();
		await other.getByRole("heading", { name: "Field Log 2" }).waitFor();
		await opened(other);
		assert.equal((await shown(other)).length, 2);
		assert.deepEqual(user.errors, []);
		await user.leave();
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
});
