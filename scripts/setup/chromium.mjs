// A browser for the tests that need a real one.

import { existsSync } from "node:fs";
import { chromiumHelp, findChromium } from "../lib/chromium.mjs";
import { note, step } from "../lib/console.mjs";
import { exitCode } from "../lib/process.mjs";

const apt = (...args) => exitCode("apt-get", args, { env: { DEBIAN_FRONTEND: "noninteractive" } });
const install = () => apt("install", "-y", "--no-install-recommends", "chromium");

/** Installs Chromium where it is missing and can be installed; elsewhere it says what to do, and goes on. */
export async function chromium() {
	if (findChromium() !== undefined) return;
	if (process.env.CHROMIUM || process.getuid?.() !== 0 || !existsSync("/etc/debian_version")) {
		note(chromiumHelp);
		return;
	}
	await step("Installing Chromium", "npm test runs the IndexedDB host in a real browser", async () => {
		// Without lists of packages, or with old ones, it is not found until they are fetched.
		if ((await install()) !== 0) {
			await apt("update");
			await install();
		}
		if (findChromium() === undefined) note(chromiumHelp);
	});
}
