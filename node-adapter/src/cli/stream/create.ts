import type { Command } from "commander";
import type { Context } from "../context.js";
import { printable } from "../terminal.js";
import { integerIn } from "../values.js";
import { type RetentionChoice, retentionOf, retentionOptions } from "./retention.js";
import { streamAsObject } from "./stream-format.js";

interface Options extends RetentionChoice {
	readonly partitions?: number;
}

export function addCreate(stream: Command, context: Context): void {
	const command = stream
		.command("create")
		.summary("create a stream")
		.description(
			"Creates a stream. Only needed for several partitions or a retention: the first append creates it too.",
		)
		.argument("<stream>", "stream to create")
		.option("-p, --partitions <count>", "how many partitions (default: 1)", integerIn("--partitions", 1, 65_536));
	retentionOptions(command)
		.addHelpText(
			"after",
			`
Examples:
  $ streamkit stream create events --partitions 4
  $ streamkit stream create events --retention 72 --retention-count 1000000`,
		)
		.action((name: string, { partitions, ...retention }: Options) =>
			context.writing(async (store) => {
				const { signal } = context;
				const info = await store.streams.create(name, { partitions, retention: retentionOf(retention), signal });
				await context.print(
					{ ...streamAsObject(info, context.namespace), status: "created" },
					() => `Created stream: ${printable(name)}`,
				);
			}),
		);
}
