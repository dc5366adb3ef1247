import assert from "node:assert/strict";
import { cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Page } from "playwright-core";
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

/** Puts a version of the page into the folder, by default the next one; 1 is what was built. */
async function release(folder: string, version = 2): Promise<void> {
	const built = await builtExample();
	const page = (await readFile(join(built, "index.html"), "utf8")).replace(/(?<=<h1>Field Log)/, titleEnd(version));
	await writeFile(join(folder, "index.html"), page);
	const text = await readFile(join(built, "service-worker.js"), "utf8");
	const worker = text.replace(versions, (built) => (version === 1 ? built : `00000000000${version}`));
	assert.equal(worker === text, version === 1);
	await writeFile(join(folder, "service-worker.js"), worker);
}

const versions = /(?<=version["']?:\s*["'`])[0-9a-f]{12}/;
const titleEnd = (version: number): string => (version === 1 ? "" : ` ${version}`);

/** Goes on to the version that was released, as a user does. */
async function update(page: Page, version: number): Promise<void> {
	await page.reload();
	await opened(page);
	await page.getByRole("button", { name: "Use it now" }).click();
	await page.getByRole("heading", { name: `Field Log${titleEnd(version)}`, exact: true }).waitFor();
	await opened(page);
}

/** Which versions are kept, oldest first; 1 is what was built. */
async function keptVersions(page: Page): Promise<number[]> {
	const [built] = versions.exec(await readFile(join(await builtExample(), "service-worker.js"), "utf8")) ?? [];
	const names = await page.evaluate(() => caches.keys());
	return names.map((name) => (name.endsWith(`:${built}`) ? 1 : Number(name.slice(-12))));
}

/** Runs with a folder of the build, to which versions can be released, and a user who has its page open and kept. */
async function withReleases(run: (folder: string, user: User, page: Page) => Promise<void>): Promise<void> {
	const folder = await mkdtemp(join(tmpdir(), "streamkit-offline-release-"));
	try {
		await cp(await builtExample(), folder, { recursive: true });
		const user = await User.arrive({ folder });
		const page = await user.open();
		await kept(page);
		await run(folder, user, page);
		await user.leave();
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}

test("a new version waits until it is wanted, and other tabs go on as they are", () =>
	withReleases(async (folder, user, page) => {
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
	}));

test("the version that other tabs run is kept, whatever broke off and in whichever order versions came", () =>
	withReleases(async (folder, user, page) => {
		const icon = join(folder, "icon.svg");
		await rename(icon, `${icon}.away`);
		await release(folder, 2);
		await page.evaluate(async () => {
			const registration = await navigator.serviceWorker.getRegistration();
			await new Promise<void>((resolve) => {
				registration?.addEventListener("updatefound", () => {
					const { installing } = registration;
					installing?.addEventListener("statechange", () => installing.state === "redundant" && resolve());
				});
				registration?.update();
			});
		});
		assert.deepEqual(await keptVersions(page), [1]);
		await rename(`${icon}.away`, icon);

		// As an install leaves it whose browser was ended.
		await page.evaluate(async () => {
			const [name = ""] = await caches.keys();
			const cache = await caches.open(`${name.slice(0, -12)}000000000009`);
			await cache.put("icon.svg", new Response("half"));
		});
		assert.deepEqual(await keptVersions(page), [1, 9]);
		await release(folder, 3);
		await update(page, 3);
		assert.deepEqual(await keptVersions(page), [1, 3]);

		// Taken back, and on again.
		await release(folder, 1);
		await update(page, 1);
		assert.deepEqual(await keptVersions(page), [3, 1]);
		await release(folder, 4);
		await update(page, 4);
		assert.deepEqual(await keptVersions(page), [1, 4]);
		// Of the file that was missing for a while.
		assert.deepEqual(
			user.errors.filter((error) => !error.includes("404")),
			[],
		);
	}));
