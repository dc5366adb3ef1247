import type { Command, Option } from "commander";
import type { Described } from "./exit-codes.js";

/** Arguments of the API that the command line has under another word. */
const OTHER_WORDS: ReadonlyMap<string, string> = new Map([
	["trx.id", "trx"],
	["path", "dir"],
	["name", "stream"],
	["headers", "header"],
	["offsets key", "spaces"],
	["expectedSequence", "expected"],
	["maxAge", "maxage"],
	["maxCount", "maxlen"],
	["maxBytes", "maxbytes"],
	["retention.maxAge", "retention"],
	["retention.maxCount", "retentionCount"],
	["retention.maxBytes", "retentionBytes"],
]);

/** What messages of the API advise, and what that is on the command line. */
const OTHER_ADVICE: readonly (readonly [api: RegExp, here: string])[] = [
	[/as entry\.(?:segment|space)Offset\(\) gives$/, "as consume prints it with --json"],
	[/as a string it must be hex of even length$/, "must be hex of even length"],
	[/only force deletes it$/, "only --force deletes it"],
];

// Names in quotes are of the people's own.
const QUOTED_OR_WORD = /"(?:[^"\\]|\\.)*"|\b[a-z]+[A-Z]\w*/g;

/** An error in the words of the command line, where the API calls by another name what the command has an option for. */
export function inOptionNames(error: Described, command: Command | undefined): Described {
	if (command === undefined) return error;
	const message = OTHER_ADVICE.reduce((text, [api, here]) => text.replace(api, here), error.message);
	const argument = argumentOf(message, error.details);
	if (argument === undefined) return { ...error, message };
	const name = nameOf(command, argument);
	const rule = message.slice(argument.length).replace(QUOTED_OR_WORD, (word) => optionFor(command, word)?.long ?? word);
	const details = "argument" in error.details ? { ...error.details, argument: name } : error.details;
	return { ...error, message: name + rule, details };
}

/** The argument that a message begins with. */
function argumentOf(message: string, { argument }: Described["details"]): string | undefined {
	if (typeof argument === "string" && message.startsWith(`${argument}: `)) return argument;
	return /^([\w.]+): /.exec(message)?.[1];
}

/** What the command calls an argument, such as "ids[0]": a place in it is kept. */
function nameOf(command: Command, argument: string): string {
	const [, whole = "", place = ""] = /^([^[]*)(.*)$/.exec(argument) ?? [];
	const takes = (name: string): boolean => command.registeredArguments.some((one) => one.name() === name);
	if (takes(whole)) return argument;
	const word = OTHER_WORDS.get(whole) ?? whole;
	const option = optionFor(command, word)?.long;
	return option !== undefined || takes(word) ? `${option ?? word}${place}` : argument;
}

/** The option of a command, or of what it is part of, whose value has that name. */
function optionFor(command: Command, name: string): Option | undefined {
	const own = command.options.find((option) => option.attributeName() === name && option.long !== undefined);
	return own ?? (command.parent === null ? undefined : optionFor(command.parent, name));
}
