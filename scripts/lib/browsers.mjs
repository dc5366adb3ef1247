// The browsers to test with, as they are on this machine.

import { inPath, isExecutable } from "./executables.mjs";

/** The executable that a variable of the environment names, else the first of these commands that is in PATH. */
function find(variable, names) {
	const named = process.env[variable];
	if (named) return isExecutable(named) ? named : undefined;
	return inPath(...names);
}

/** What to do where it was not found. */
function help(browser, variable, debian) {
	return process.env[variable]
		? `${variable} names ${process.env[variable]}, which cannot be run`
		: `tests in a browser need ${browser}: install it (Debian: apt-get install ${debian}), or name another one's executable in ${variable}`;
}

const chromiumNames = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** The Chromium to test with: the one that CHROMIUM names, else the first one in PATH. Undefined: there is none. */
export const findChromium = () => find("CHROMIUM", chromiumNames);

/** What to do where there is none. */
export const chromiumHelp = help("Chromium", "CHROMIUM", "chromium");

/** The Firefox to test with: the one that FIREFOX names, else the first one in PATH. Undefined: there is none. */
export const findFirefox = () => find("FIREFOX", ["firefox", "firefox-esr"]);

/** What to do where there is none. */
export const firefoxHelp = help("Firefox", "FIREFOX", "firefox-esr");

/** What WebKit for GTK is tested with: its driver, which starts its browser, and a display for it. Undefined: one is missing. */
export function findWebKit() {
	const driver = inPath("WebKitWebDriver");
	const display = inPath("Xvfb");
	return driver === undefined || display === undefined ? undefined : { driver, display };
}

/** What to do where it is missing. */
export const webKitHelp =
	"tests in a browser need WebKitWebDriver and Xvfb: install them (Debian: apt-get install webkit2gtk-driver xvfb)";
