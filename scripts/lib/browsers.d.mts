/** The Chromium to test with: the one that CHROMIUM names, else the first one in PATH. Undefined: there is none. */
export function findChromium(): string | undefined;

/** What to do where there is none. */
export const chromiumHelp: string;

/** The Firefox to test with: the one that FIREFOX names, else the first one in PATH. Undefined: there is none. */
export function findFirefox(): string | undefined;

/** What to do where there is none. */
export const firefoxHelp: string;

/** What WebKit for GTK is tested with: its driver, which starts its browser, and a display for it. Undefined: one is missing. */
export function findWebKit(): { readonly driver: string; readonly display: string } | undefined;

/** What to do where it is missing. */
export const webKitHelp: string;
