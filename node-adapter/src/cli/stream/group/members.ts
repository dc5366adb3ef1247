import type { Command } from "commander";
import type { Context } from "../../context.js";
import { printable } from "../../terminal.js";
import { consumerArguments, type NameOptions, nameOf } from "./names.js";

export function addJoin(group: Command, context: Context): void {
	consumerArguments(group.command("join"))
		.summary("add a consumer to a group")
		.description("Adds a consumer to a group, created where it is missing. Its first read would do that as well.")
		.addHelpText("after", "\nExample:\n  $ streamkit stream group join events processors worker-1")
		.action((stream: string, name: string | undefined, member: string | undefined, options: NameOptions) => {
			const chosen = nameOf("group", name, options.group);
			const consumer = nameOf("consumer", member, options.consumer);
			return context.writing(async ({ streams }) => {
				await streams.group(stream, chosen).join(consumer, { signal: context.signal });
				await context.print(
					{ status: "ok", stream, group: chosen, consumer },
					() => `Joined group '${printable(chosen)}' as consumer '${printable(consumer)}'`,
				);
			});
		});
}

export function addLeave(group: Command, context: Context): void {
	consumerArguments(group.command("leave"))
		.summary("take a consumer out of a group")
		.description(
			"Takes a consumer out of a group. What it has not acknowledged is due for others at once. " +
				"For one that is not in the group that is done already.",
		)
		.addHelpText("after", "\nExample:\n  $ streamkit stream group leave events --group processors --consumer worker-1")
		.action((stream: string, name: string | undefined, member: string | undefined, options: NameOptions) => {
			const chosen = nameOf("group", name, options.group);
			const consumer = nameOf("consumer", member, options.consumer);
			return context.reading(async ({ streams }) => {
				await streams.group(stream, chosen).leave(consumer, { signal: context.signal });
				await context.print(
					{ status: "ok", stream, group: chosen, consumer },
					() => `Consumer '${printable(consumer)}' is out of group '${printable(chosen)}'`,
				);
			});
		});
}
