import type { Command } from "commander";
import type { Context } from "../../context.js";
import { groupAsObject, groupForPeople } from "./group-format.js";
import { groupArguments, type NameOptions, nameOf } from "./names.js";

export function addInfo(group: Command, context: Context): void {
	groupArguments(group.command("info"))
		.summary("print a group's members, pending records and position")
		.description("Prints a group's members, how much is pending, and how far it is.")
		.addHelpText("after", "\nExample:\n  $ streamkit stream group info events --group processors")
		.action((stream: string, name: string | undefined, options: NameOptions) => {
			const chosen = nameOf("group", name, options.group);
			return context.reading(async ({ streams }) => {
				const info = await streams.group(stream, chosen).info({ signal: context.signal });
				await context.print(groupAsObject(info), () => groupForPeople(info));
			});
		});
}
