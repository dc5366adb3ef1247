import { Option } from "commander";
import { usage } from "./usage.js";

// Values of options. Errors are INVALID_ARGUMENT and name the option, whichever part of the program finds them.

/** A whole number of at least 0. */
export const integer = (option: string): ((text: string) => number) => integerIn(option, 0);

/** A whole number within bounds. */
export const integerIn =
	(option: string, least: number, most: number = Number.MAX_SAFE_INTEGER) =>
	(text: string): number => {
		const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
		if (value >= least && value <= most) return value;
		const rule =
			most === Number.MAX_SAFE_INTEGER && !(value > most) ? `of at least ${least}` : `from ${least} to ${most}`;
		throw usage(option, `must be a whole number ${rule}, got "${text}"`);
	};

/** A length of time in a unit of so many milliseconds, as whole milliseconds. Fractions such as 0.5 are taken. */
export const duration =
	(option: string, unit: number) =>
	(text: string): number => {
		const number = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
		const value = Math.round(number * unit);
		const most = Math.floor(Number.MAX_SAFE_INTEGER / unit);
		if (Number.isNaN(number)) throw usage(option, `must be a number of at least 0, got "${text}"`);
		if (!Number.isSafeInteger(value)) throw usage(option, `must be a number from 0 to ${most}, got "${text}"`);
		// 0 may stand for no bound at all.
		if (value === 0 && number > 0) throw usage(option, `must be 0, or at least a millisecond, got "${text}"`);
		return value;
	};

const ISO = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/;

/** A moment as ISO 8601 text, in milliseconds; undefined when it is none. */
export function parseIsoTime(text: string): number | undefined {
	const value = ISO.test(text) && isDay(text.slice(0, 10)) ? Date.parse(text) : Number.NaN;
	return Number.isNaN(value) ? undefined : value;
}

/** What the help of options that take such a time says of it. */
export const ZONE_HELP = "without a zone a time is local, and a day alone is UTC";

/** Whether there is such a day: Date takes the 30th of February for the 2nd of March. */
function isDay(text: string): boolean {
	const value = Date.parse(text);
	return !Number.isNaN(value) && new Date(value).toISOString().startsWith(text);
}

/** Milliseconds since the Unix epoch, or ISO 8601. */
export const timestamp =
	(option: string) =>
	(text: string): number => {
		const value = /^\d+$/.test(text) ? Number(text) : parseIsoTime(text);
		if (value === undefined || !Number.isSafeInteger(value) || value < 0) {
			throw usage(option, `must be milliseconds since 1970 or a time such as 2026-01-31T12:00:00Z, got "${text}"`);
		}
		return value;
	};

/** Names separated by commas; a comma that belongs to a name is written as "\,". The option can be repeated. */
export const names =
	(option: string) =>
	(text: string, before: readonly string[] = []): string[] => {
		const parts = (text.match(/(?:\\,|[^,])+|(?<=^|,)(?=,|$)/g) ?? [""]).map((part) => part.replaceAll("\\,", ","));
		if (parts.includes("")) throw usage(option, "must be names separated by commas, none of them empty");
		return [...before, ...parts];
	};

/** A text; the option can be repeated. */
export function repeated(text: string, before: readonly string[] = []): string[] {
	return [...before, text];
}

/** NAME=VALUE; the option can be repeated. */
export const pair =
	(option: string) =>
	(text: string, before: ReadonlyMap<string, string> = new Map()): Map<string, string> => {
		const at = text.indexOf("=");
		if (at < 1) throw usage(option, `must be NAME=VALUE, got "${text}"`);
		const name = text.slice(0, at);
		if (before.has(name)) throw usage(option, `"${name}" is given twice`);
		return new Map(before).set(name, text.slice(at + 1));
	};

/** What the help of commands that take a payload says of it. */
export const PAYLOAD_HELP = `
A payload that is an argument is UTF-8; other bytes are given on standard input. Only on Linux are arguments that
are not UTF-8 refused: elsewhere U+FFFD is stored in their place.`;

/** Metadata as the store takes it. */
export function asRecord(pairs: Iterable<readonly [string, string]>): Record<string, string> {
	// Not by assignment: "__proto__" is a name like any other.
	return Object.fromEntries(pairs);
}

export function metadataOption(): Option {
	return new Option("-m, --metadata <name=value>", "metadata of the entry; can be repeated").argParser(
		pair("--metadata"),
	);
}

export function compressOption(): Option {
	return new Option("--compress", "compress what is written, with Zstandard: smaller, and slower to write and to read");
}

/** of: what it counts for, where that is not all that the command stores. */
export function durabilityOption(of = ""): Option {
	return new Option("--durability <kind>", `${of}strict: survives power loss; relaxed: faster, survives the process`)
		.choices(["strict", "relaxed"])
		.default("strict");
}

export function limitOption(): Option {
	return new Option("-n, --limit <count>", "stop after so many; 0: no limit; also -l (default: 0)").argParser(
		integer("--limit"),
	);
}

/** The letter that --limit has in the commands on streams: an option has one letter, so it is another one. */
export function shortLimitOption(): Option {
	const short = new Option("-l <count>").argParser(integer("--limit")).hideHelp();
	short.attributeName = () => "limit";
	return short;
}
