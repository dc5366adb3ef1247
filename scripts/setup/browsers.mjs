// Browsers for the tests that need a real one.

import { existsSync } from "node:fs";
import { chromiumHelp, findChromium, findFirefox, findWebKit, firefoxHelp, webKitHelp } from "../lib/browsers.mjs";
import { note, step } from "../lib/console.mjs";
import { exitCode } from "../lib/process.mjs";

const wanted = [
	{ find: findChromium, help: chromiumHelp, named: process.env.CHROMIUM, packages: ["chromium"] },
	{ find: findFirefox, help: firefoxHelp, named: process.env.FIREFOX, packages: ["firefox-esr"] },
	{ find: findWebKit, help: webKitHelp, packages: ["webkit2gtk-driver", "xvfb"] },
];

const apt = (...args) => exitCode("apt-get", args, { env: { DEBIAN_FRONTEND: "noninteractive" } });
const install = (packages) => apt("install", "-y", "--no-install-recommends", ...packages);

/** Installs those that are missing and can be installed; elsewhere it says what to do, and goes on. */
export async function browsers() {
	const missing = wanted.filter(({ find }) => find() === undefined);
	const debian = process.getuid?.() === 0 && existsSync("/etc/debian_version");
	const packages = missing.filter(({ named }) => debian && !named).flatMap(({ packages }) => packages);
	if (packages.length > 0) {
		await step(`Installing ${packages.join(", ")}`, "npm test runs the IndexedDB host in real browsers", async () => {
			// Without lists of packages, or with old ones, they are not found until the lists are fetched.
			if ((await install(packages)) !== 0) {
				await apt("update");
				await install(packages);
			}
		});
	}
	for (const { find, help } of missing) if (find() === undefined) note(help);
}
