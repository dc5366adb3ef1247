import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { freshName } from "../support/browser.js";
import { Chromium } from "../support/chromium.js";
import { sharedSite } from "../support/site.js";

const open = (name: string) => streamkit.outcome(() => streamkit.indexedDbHost(name));

function assertForbidden(answer: object): void {
	assert.equal("code" in answer && answer.code, "UNSUPPORTED");
	assert.match("message" in answer ? String(answer.message) : "", /allows no IndexedDB/);
}

/** Where nothing may be stored. */
export function forbidden(chromium: Chromium): void {
	test("where IndexedDB is forbidden, opening is UNSUPPORTED and says so", async () => {
		const tab = await chromium.openTab();
		const frame = await tab.frameOf((await sharedSite()).url("/sandboxed"));
		assertForbidden(await frame.evaluate(open, freshName()));
		await tab.close();
	});

	test("where cookies are off, opening is UNSUPPORTED and says so", { timeout: 120_000 }, async () => {
		const profile = await mkdtemp(join(tmpdir(), "streamkit-browser-"));
		const settings = { profile: { default_content_setting_values: { cookies: 2 } } };
		await mkdir(join(profile, "Default"));
		await writeFile(join(profile, "Default", "Preferences"), JSON.stringify(settings));
		const strict = new Chromium({ profile });
		try {
			const tab = await strict.openTab();
			assertForbidden(await tab.evaluate(open, freshName()));
		} finally {
			await strict.shutDown();
			await rm(profile, { recursive: true, force: true, maxRetries: 5 });
		}
	});
}
