/** The Chromium to test with: the one that CHROMIUM names, else the first one in PATH. Undefined: there is none. */
export function findChromium(): string | undefined;

/** What to do where there is none. */
export const chromiumHelp: string;
