import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { json, memoryHost, openStore } from "streamkit";
import {
	exportFile,
	note,
	opened,
	placeField,
	shown,
	shownExactly,
	textField,
	User,
	write,
} from "../support/browser.js";

async function choose(page: Page, buffer: Buffer): Promise<void> {
	const [chooser] = await Promise.all([
		page.waitForEvent("filechooser"),
		page.getByRole("button", { name: "Import" }).click(),
	]);
	await chooser.setFiles({ name: "log.streamkit", mimeType: "application/octet-stream", buffer });
}

async function refused(page: Page, reason: RegExp): Promise<void> {
	const alert = page.getByRole("alert").filter({ hasText: "The file was not imported" });
	await alert.filter({ hasText: reason }).waitFor();
	await alert.filter({ hasText: "Nothing was changed." }).waitFor();
	await alert.getByRole("button", { name: "Dismiss" }).click();
	await alert.waitFor({ state: "detached" });
}

/** What a store exports that has these spaces, each with one entry. */
async function fileOf(...spaces: string[]): Promise<Buffer> {
	await using store = await openStore(memoryHost());
	for (const space of spaces) await store.publish(space, "somewhere", json({ text: "from elsewhere" }));
	const parts: Uint8Array[] = [];
	for await (const part of store.export()) parts.push(part);
	return Buffer.concat(parts);
}

test("a log that was exported is the same log in another browser, and files that do not fit change nothing", async () => {
	const writer = await User.arrive();
	const source = await writer.open();
	await write(source, "Ridge", "Two kites");
	await write(source, "River", "An otter");
	await write(source, "Ridge", "Four kites");
	const file = await readFile((await exportFile(source)).path);
	const before = await shownExactly(source);

	// Into a log that has notes.
	await choose(source, file);
	await refused(source, /has notes already/);
	assert.deepEqual(await shownExactly(source), before);
	await writer.leave();

	const reader = await User.arrive({ ownBrowser: true });
	const target = await reader.open();
	const second = await reader.open();
	const damaged = Buffer.from(file);
	damaged.writeUInt8(damaged.readUInt8(damaged.length - 40) ^ 1, damaged.length - 40);
	for (const broken of [Buffer.from("not a log"), Buffer.alloc(0), file.subarray(0, -1), damaged]) {
		await choose(target, broken);
		await refused(target, /no exported log, or it is damaged/);
	}
	await choose(target, await fileOf("field-log", "something else"));
	await refused(target, /other data/);
	await target.reload();
	await opened(target);
	await target.getByRole("heading", { name: "Nothing noted yet" }).waitFor();

	await choose(target, file);
	await target.getByText("Imported 3 notes.").waitFor();
	await note(target, "Four kites").waitFor();
	assert.deepEqual(await shownExactly(target), before);
	await note(second, "Four kites").waitFor();
	assert.deepEqual(await shownExactly(second), before);
	// And it goes on from there.
	await write(second, "Ridge", "Five kites");
	assert.equal((await shown(second))[0], "Ridge|no. 3|Five kites");
	assert.deepEqual(reader.errors, []);
	await reader.leave();
});

test("an empty log has nothing to export, and entries of other programs are shown as they are", async () => {
	const user = await User.arrive();
	const page = await user.open();
	await page.getByRole("button", { name: "Export" }).click();
	await page.getByRole("alert").filter({ hasText: "There are no notes yet." }).waitFor();

	await using store = await openStore(memoryHost());
	const payloads = ["plain text", "[1]", '{"text":7}', '{"text":"seen never","seen":1e99}', "null"];
	for (const payload of payloads) await store.publish("field-log", "Attic", payload, { metadata: { time: "soon" } });
	const parts: Uint8Array[] = [];
	for await (const part of store.export()) parts.push(part);
	await choose(page, Buffer.concat(parts));
	const asked = Date.now();
	await page.getByText("Imported 5 notes.").waitFor();
	await note(page, "null").waitFor();
	// What has no time of its own has the entry's; what says a time that is none as well.
	const times = await page
		.locator(".note > time")
		.evaluateAll((all) => all.map((time) => Date.parse((time as HTMLTimeElement).dateTime)));
	assert.ok(times.every((time) => Math.abs(time - asked) < 600_000));
	assert.deepEqual(await shown(page), [
		"Attic|no. 5|null",
		"Attic|no. 4|seen never",
		'Attic|no. 3|{"text":7}',
		"Attic|no. 2|[1]",
		"Attic|no. 1|plain text",
	]);
	assert.deepEqual(user.errors, []);
	await user.leave();
});

/** A log of some one and a half megabytes. */
async function largeFile(): Promise<Buffer> {
	await using store = await openStore(memoryHost());
	const text = (): string => randomBytes(37_500).toString("base64");
	await store.produce(
		"field-log",
		"Attic",
		Array.from({ length: 30 }, (_, i) => ({ payload: json({ text: `${i} ${text()}` }) })),
	);
	const parts: Uint8Array[] = [];
	for await (const part of store.export()) parts.push(part);
	return Buffer.concat(parts);
}

/** A tab whose import stops in the middle, until it is told to go on. */
async function slowTab(user: User): Promise<Page> {
	const page = await user.newTab();
	await page.addInitScript(() => {
		const { arrayBuffer } = Blob.prototype;
		// Once for the trial, once for the import itself: then the last part has to wait.
		let firsts = 0;
		Blob.prototype.arrayBuffer = async function (this: Blob) {
			if (this.size === 1 << 20) firsts++;
			else if (firsts === 2) {
				document.documentElement.dataset["waits"] = "true";
				await new Promise((resolve) => addEventListener("go-on", resolve, { once: true }));
			}
			return arrayBuffer.call(this);
		};
	});
	await page.goto(user.site.url);
	await opened(page);
	return page;
}

test("two tabs that import at once, and notes meanwhile, say what to do", async () => {
	const user = await User.arrive();
	const [slow, other] = [await slowTab(user), await user.open()];
	const file = await largeFile();
	assert.ok(file.length > 1 << 20 && file.length < 2 << 20, `${file.length} bytes`);
	await choose(slow, file);
	await slow.locator("[data-waits]").waitFor();

	await placeField(other).fill("Ridge");
	await textField(other).fill("Two kites");
	await other.getByRole("button", { name: "Save note" }).click();
	const problem = other.locator("#composer-problem");
	await problem.waitFor();
	assert.match(await problem.innerText(), /file is being imported.*then try again.*import the file again/s);
	assert.equal(await textField(other).inputValue(), "Two kites");

	await choose(other, file);
	await other.getByText("Imported 30 notes.").waitFor();
	await slow.evaluate(() => dispatchEvent(new Event("go-on")));
	const alert = slow.getByRole("alert").filter({ hasText: "The file was not imported" });
	await alert.filter({ hasText: /Another tab wrote to this log, or imports into it/ }).waitFor();
	await other.getByRole("button", { name: "Save note" }).click();
	await note(slow, "Two kites").waitFor();
	assert.equal((await shown(slow)).length, 31);
	assert.deepEqual(user.errors, []);
	await user.leave();
});

test("an import that ended with its tab is completed by importing again", async () => {
	const user = await User.arrive();
	const [slow, other] = [await slowTab(user), await user.open()];
	const file = await largeFile();
	await choose(slow, file);
	await slow.locator("[data-waits]").waitFor();
	await slow.close();
	await choose(other, file);
	await other.getByText("Imported 30 notes.").waitFor();
	await write(other, "Ridge", "Two kites");
	assert.equal((await shown(other)).length, 31);
	assert.deepEqual(user.errors, []);
	await user.leave();
});
