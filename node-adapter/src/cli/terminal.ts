import colors from "picocolors";

export type Colors = ReturnType<typeof colors.createColors>;

/** Whether the terminal shows what it is sent, and obeys nothing. */
export function isDumb(): boolean {
	return process.env["TERM"] === "dumb";
}

/** Colours for a terminal, and none for anything else, or where NO_COLOR asks for none. */
export function colorsFor(isTerminal: boolean): Colors {
	const refused = (process.env["NO_COLOR"] ?? "") !== "" || isDumb();
	return colors.createColors(isTerminal && !refused);
}

const NAMED: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Text that came from elsewhere, in one line and with nothing in it that a terminal would obey. */
export function printable(text: string): string {
	return text.replace(/[\p{Cc}\p{Cs}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (character) => {
		const code = character.codePointAt(0) ?? 0;
		return NAMED[character] ?? `\\u${code.toString(16).padStart(4, "0")}`;
	});
}

/** "1,234". */
export function count(value: number): string {
	return Math.round(value).toLocaleString("en-US");
}

/** "1 entry", "12 entries". */
export function counted(value: number, one: string, many: string): string {
	return `${count(value)} ${value === 1 ? one : many}`;
}

const UNITS = ["bytes", "KB", "MB", "GB", "TB"];

/** "12.3 MB", in steps of 1000. */
export function size(bytes: number): string {
	let value = bytes;
	let unit = 0;
	while (value >= 1000 && unit < UNITS.length - 1) {
		value /= 1000;
		unit += 1;
	}
	return `${unit === 0 ? Math.round(value) : value.toFixed(value < 10 ? 2 : 1)} ${UNITS[unit]}`;
}

/** A timestamp as ISO 8601; none for the 0 of an empty segment. */
export function time(timestamp: number): string {
	return timestamp === 0 ? "-" : new Date(timestamp).toISOString();
}

const UNSEEN = /[\p{Mn}\p{Me}\p{Cf}]/gu;
// East Asian characters of full width, and emoji.
const WIDE =
	/[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}\p{Emoji_Presentation}]/gu;

/** How many columns of a terminal a text takes. */
function columnsOf(text: string): number {
	return [...text.replace(UNSEEN, "").replace(WIDE, "  ")].length;
}

/** Rows under headings, each column as wide as its widest cell. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
	const widths = headings.map(columnsOf);
	for (const row of rows) {
		for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, columnsOf(cell));
	}
	const line = (cells: readonly string[]): string =>
		cells
			.map((cell, i) => cell + " ".repeat((widths[i] ?? 0) - columnsOf(cell)))
			.join("  ")
			.trimEnd();
	return [headings, ...rows].map((row) => `${line(row)}\n`).join("");
}
