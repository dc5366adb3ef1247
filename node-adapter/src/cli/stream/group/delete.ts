import type { Command } from "commander";
import type { Context } from "../../context.js";
import { printable } from "../../terminal.js";
import { groupArguments, type NameOptions, nameOf } from "./names.js";

export function addDelete(group: Command, context: Context): void {
	groupArguments(group.command("delete"))
		.alias("rm")
		.summary("delete a group")
		.description("Deletes a group with all that it remembers. The stream stays as it is.")
		.addHelpText("after", "\nExample:\n  $ streamkit stream group delete events --group processors")
		.action((stream: string, name: string | undefined, options: NameOptions) => {
			const chosen = nameOf("group", name, options.group);
			return context.reading(async ({ streams }) => {
				await streams.group(stream, chosen).delete({ signal: context.signal });
				await context.print(
					{ status: "ok", group: chosen, stream, deleted: true },
					() => `Deleted consumer group '${printable(chosen)}' from stream '${printable(stream)}'`,
				);
			});
		});
}
