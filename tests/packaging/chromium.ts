import { existsSync } from "node:fs";
import type { TestContext } from "node:test";
import { chromium } from "playwright-core";

// Where Debian puts it; set-up installs it on machines that can.
const executablePath = "/usr/bin/chromium";

/** Why pages cannot be opened here, or false. */
export const noChromium: string | false = existsSync(executablePath) ? false : `${executablePath} is not there`;

/** Opens a page and gives what its promise `result` comes to. What goes wrong in the page fails the test. */
export async function resultOf(t: TestContext, url: string): Promise<string> {
	const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
	t.after(() => browser.close());
	const page = await browser.newPage();
	const failed = new Promise<never>((_, reject) => page.on("pageerror", reject));
	failed.catch(() => {});
	await Promise.race([page.goto(url), failed]);
	const looked = page.waitForFunction(() => "result" in globalThis, undefined, { timeout: 60_000 });
	await Promise.race([looked, failed]);
	return Promise.race([page.evaluate(() => (globalThis as unknown as { result: Promise<string> }).result), failed]);
}
