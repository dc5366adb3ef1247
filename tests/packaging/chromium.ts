import type { TestContext } from "node:test";
import { chromium } from "playwright-core";
import { chromiumHelp, findChromium } from "../../scripts/lib/browsers.mjs";

// A machine that has much else to do takes its time.
const PATIENCE = 180_000;

const executablePath = findChromium();

/** Why pages cannot be opened here, or false. */
export const noChromium: string | false = executablePath === undefined ? chromiumHelp : false;

/** Opens a page and gives what its promise `result` comes to. What goes wrong in the page fails the test. */
export async function resultOf(t: TestContext, url: string): Promise<string> {
	const browser = await chromium.launch({
		executablePath: executablePath ?? "",
		args: ["--no-sandbox"],
		timeout: PATIENCE,
	});
	t.after(() => browser.close());
	const page = await browser.newPage();
	page.setDefaultTimeout(PATIENCE);
	const failed = new Promise<never>((_, reject) => page.on("pageerror", reject));
	failed.catch(() => {});
	await Promise.race([page.goto(url), failed]);
	const looked = page.waitForFunction(() => "result" in globalThis);
	await Promise.race([looked, failed]);
	return Promise.race([page.evaluate(() => (globalThis as unknown as { result: Promise<string> }).result), failed]);
}
