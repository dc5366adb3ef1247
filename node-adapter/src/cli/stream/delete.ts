import type { Command } from "commander";
import type { Context } from "../context.js";
import { printable } from "../terminal.js";

export function addDelete(stream: Command, context: Context): void {
	stream
		.command("delete")
		.alias("rm")
		.summary("delete a stream")
		.description(
			"Deletes a stream and its groups: one that is empty, or any with --force. " +
				"Deleting one that is not there is done already; a space that is no stream is not found, and stays.",
		)
		.argument("<stream>", "stream to delete")
		.option("-f, --force", "also when there are records in it")
		.addHelpText("after", "\nExample:\n  $ streamkit stream delete events --force")
		.action((name: string, { force }: { force?: boolean }) =>
			context.reading(async (store) => {
				const { signal } = context;
				await store.streams.delete(name, { force, signal });
				const left = await store.streams.read(name, { limit: 1, signal });
				// What is no stream keeps its entries: this tells one from a stream that is made again meanwhile.
				if (left.length > 0) await store.streams.info(name, { signal });
				await context.print({ name, status: "deleted" }, () => `Deleted stream: ${printable(name)}`);
			}),
		);
}
