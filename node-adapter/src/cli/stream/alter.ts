import type { Command } from "commander";
import type { Context } from "../context.js";
import { printable } from "../terminal.js";
import { usage } from "../usage.js";
import { type RetentionChoice, retentionOf, retentionOptions } from "./retention.js";
import { streamAsObject } from "./stream-format.js";

export function addAlter(stream: Command, context: Context): void {
	const command = stream
		.command("alter")
		.summary("change how much a stream keeps")
		.description("Changes how much a stream keeps. A bound that is not given stays as it is; 0 takes it away.")
		.argument("<stream>", "stream to change");
	retentionOptions(command)
		.addHelpText(
			"after",
			`
Examples:
  $ streamkit stream alter events --retention 24
  $ streamkit stream alter events --retention 0 --retention-bytes 1073741824`,
		)
		.action((name: string, options: RetentionChoice) => alter(context, name, options));
}

async function alter(context: Context, name: string, options: RetentionChoice): Promise<void> {
	const { retention, retentionCount, retentionBytes } = options;
	if (retention === undefined && retentionCount === undefined && retentionBytes === undefined) {
		throw usage("--retention", "give one of --retention, --retention-count and --retention-bytes");
	}
	await context.reading(async ({ streams }) => {
		const { signal } = context;
		const before = await streams.info(name, { signal });
		const info = await streams.alter(name, { retention: retentionOf(options, before.retention) ?? null, signal });
		await context.print(
			{ ...streamAsObject(info, context.namespace), status: "altered" },
			() => `Altered stream: ${printable(name)}`,
		);
	});
}
