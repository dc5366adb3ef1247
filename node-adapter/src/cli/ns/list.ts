import type { Command } from "commander";
import type { Context } from "../context.js";
import { namesIn, requireDirectory } from "../places.js";

export function addList(ns: Command, context: Context): void {
	ns.command("list")
		.alias("ls")
		.summary("list the namespaces")
		.description("Lists the namespaces of the directory, in byte order.")
		.addHelpText("after", "\nExample:\n  $ streamkit ns list")
		.action(async () => {
			requireDirectory(context.directory);
			for (const name of await namesIn(context.directory)) {
				await context.print({ namespace: name }, () => name);
			}
		});
}
