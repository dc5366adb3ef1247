import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { freshName } from "../support/browser.js";
import { Chromium } from "../support/chromium.js";
import { newSite, type Site } from "../support/site.js";

/** What may become of the file that Chromium keeps a large value in. */
const damages: readonly (readonly [string, (file: string) => Promise<void>])[] = [
	["is missing", (file) => rm(file)],
	["is empty", (file) => truncate(file, 0)],
	["is cut", (file) => truncate(file, 50_000)],
	["is all zeros", async (file) => writeFile(file, (await readFile(file)).fill(0))],
	["is zeros from byte 4096 on", async (file) => writeFile(file, (await readFile(file)).fill(0, 4096))],
];

/** The files of an origin's large values. */
async function valueFiles(profile: string, { origin }: Site): Promise<string[]> {
	const folder = join(profile, "Default", "IndexedDB", `${origin.replace(/:(\/\/)?/g, "_")}.indexeddb.blob`);
	const entries = await readdir(folder, { recursive: true, withFileTypes: true });
	return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Large values whose files are damaged. */
export function damage(_: Chromium): void {
	for (const [title, damage] of damages) {
		test(`a large value whose file ${title} is CORRUPT with its key, and all else is read`, {
			timeout: 120_000,
		}, async () => {
			const profile = await mkdtemp(join(tmpdir(), "streamkit-browser-"));
			const chromium = new Chromium({ profile });
			try {
				const site = await newSite();
				const [name, log] = [freshName(), freshName()];
				const before = await chromium.openTab(site);
				await before.evaluate(
					async ([name, log]) => {
						const host = await streamkit.indexedDbHost(name);
						const puts = [1, 2, 3, 4, 5].map((byte) => ({
							key: new Uint8Array([byte]),
							value: streamkit.noise(byte === 3 ? 150_000 : 100),
						}));
						await host.commit({ checks: [], deletes: [], puts, durability: "relaxed" });
						await streamkit.publish(log, "small", "kept");
						const store = await streamkit.opened(log);
						await store.publish("space", "large", streamkit.noise(150_000));
						await streamkit.publish(log, "small", "kept as well");
					},
					[name, log] as const,
				);
				await chromium.quit();
				const files = await valueFiles(profile, site);
				assert.equal(files.length, 2, "each large value has a file");
				for (const file of files) await damage(file);

				const corrupt = (answer: object) => {
					assert.deepEqual("code" in answer && [answer.code, "retryable" in answer && answer.retryable], [
						"CORRUPT",
						false,
					]);
					return "details" in answer ? (answer.details as { key?: unknown }).key : undefined;
				};
				for (const without of [[], ["getAllRecords"]]) {
					const tab = await chromium.openTab(site);
					await tab.evaluate((names) => {
						for (const name of names) Reflect.deleteProperty(IDBObjectStore.prototype, name);
					}, without);
					const seen = await tab.evaluate((name) => streamkit.readAround(name), name);
					for (const answer of seen.damaged) assert.equal(corrupt(answer), "03");
					assert.deepEqual(seen.whole, { value: [100, 100, 100, 100] });
					assert.equal(corrupt(seen.forwards.end), "03");
					assert.deepEqual(seen.forwards.found, [1, 2]);
					assert.equal(corrupt(seen.backwards.end), "03");
					assert.deepEqual(seen.backwards.found, [5, 4]);
					assert.deepEqual(seen.beyond.found, [4, 5]);
					assert.ok("value" in seen.beyond.end, "what follows is read");
					assert.equal(corrupt(seen.commit), "03");
					assert.deepEqual("details" in seen.commit && seen.commit.details, { key: "03", applied: false });
					assert.deepEqual(seen.after, { value: [100] });
					assert.equal(seen.uncaught, 0, "errors that nobody caught");

					const large = await tab.evaluate((log) => streamkit.outcome(() => streamkit.payloads(log, "large")), log);
					assert.match(String(corrupt(large)), /^[0-9a-f]+$/);
					assert.deepEqual(await tab.evaluate((log) => streamkit.payloads(log, "small"), log), [
						"kept",
						"kept as well",
					]);
					await tab.close();
				}

				// Large rows are asked for in another way.
				const tab = await chromium.openTab(site);
				const { all, again, beyond, uncaught } = await tab.evaluate((name) => streamkit.readLarge(name), name);
				for (const seen of [all, again]) {
					assert.deepEqual(seen.found, [1, 2]);
					assert.equal(corrupt(seen.end), "03");
				}
				assert.deepEqual(beyond, { found: [4, 5, 6], end: { value: undefined } });
				assert.equal(uncaught, 0, "errors that nobody caught");
			} finally {
				await chromium.shutDown();
				await rm(profile, { recursive: true, force: true, maxRetries: 5 });
			}
		});
	}
}
