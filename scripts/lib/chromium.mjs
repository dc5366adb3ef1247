import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

function isExecutable(path) {
	try {
		accessSync(path, constants.X_OK);
		return true;
	} catch {
		return false;
	}
}

/** The Chromium to test with: the one that CHROMIUM names, else the first one in PATH. Undefined: there is none. */
export function findChromium() {
	const named = process.env.CHROMIUM;
	if (named) return isExecutable(named) ? named : undefined;
	const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
	return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

/** What to do where there is none. */
export const chromiumHelp = process.env.CHROMIUM
	? `CHROMIUM names ${process.env.CHROMIUM}, which cannot be run`
	: "tests in a browser need Chromium: install it (Debian: apt-get install chromium), or name another one's executable in CHROMIUM";
