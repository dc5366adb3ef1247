import { type Command, Option } from "commander";
import { integer } from "../values.js";

/** Which partition: by number or by key. */
export interface PartitionChoice {
	readonly partition?: number;
	readonly partitionKey?: string;
}

export function partitionOptions(command: Command, number: string, key: string): Command {
	return command
		.addOption(
			new Option("-P, --partition <number>", number).argParser(integer("--partition")).conflicts("partitionKey"),
		)
		.option("-k, --partition-key <key>", key);
}
