import type { Command } from "commander";
import type { Context } from "../../context.js";
import { counted } from "../../terminal.js";
import { integerIn } from "../../values.js";
import { groupArguments, type NameOptions, nameOf } from "./names.js";

interface Options extends NameOptions {
	readonly limit?: number;
}

export function addReplay(group: Command, context: Context): void {
	groupArguments(group.command("replay"))
		.summary("append dead letters to the stream again")
		.description("Takes records from the dead-letter stream, oldest first, and appends them to the stream again.")
		.option("-l, --limit <count>", "at most so many (default: all)", integerIn("--limit", 1))
		.addHelpText("after", "\nExample:\n  $ streamkit stream group replay events --group processors --limit 100")
		.action((stream: string, name: string | undefined, { group, limit }: Options) => {
			const chosen = nameOf("group", name, group);
			return context.reading(async ({ streams }) => {
				const count = await streams.group(stream, chosen).replay({ limit, signal: context.signal });
				await context.print(
					{ status: "ok", group: chosen, stream, replayed: count },
					() => `Replayed ${counted(count, "record", "records")}`,
				);
			});
		});
}
