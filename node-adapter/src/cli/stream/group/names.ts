import type { Command } from "commander";
import { usage } from "../../usage.js";

/** Options that name a group and a consumer; both may be arguments instead. */
export interface NameOptions {
	readonly group?: string;
	readonly consumer?: string;
}

/** A command on a group. */
export function groupArguments(command: Command): Command {
	return command
		.argument("<stream>", "stream of the group")
		.argument("[group]", "the group; or --group")
		.option("-g, --group <name>", "the group", optionName("--group"));
}

/** A command of a consumer of a group. */
export function consumerArguments(command: Command): Command {
	return consumerOption(groupArguments(command).argument("[consumer]", "the consumer; or --consumer"), "the consumer");
}

/** A command that takes a consumer as an option, with what it is to that command. */
export function consumerOption(command: Command, text: string): Command {
	return command.option("-c, --consumer <name>", text, optionName("--consumer"));
}

const optionName =
	(option: string) =>
	(name: string): string => {
		// More likely the option after it, with the name forgotten.
		if (name.startsWith("-")) throw usage(option, 'must not begin with "-": give such a name as an argument, after --');
		return name;
	};

/** A name that is either an argument or an option. */
export function nameOf(what: "group" | "consumer", argument: string | undefined, option: string | undefined): string {
	if (argument !== undefined && option !== undefined && argument !== option) {
		throw usage(`--${what}`, `"${option}" is not the ${what} that the argument names, "${argument}"`);
	}
	const name = argument ?? option;
	if (name === undefined) throw usage(`--${what}`, "missing");
	return name;
}
