import type { Command } from "commander";
import { checkNamespaceName } from "../../namespaces/namespaces.js";
import type { Context } from "../context.js";
import { directoryOf, requireNamespace } from "../places.js";

export function addInfo(ns: Command, context: Context): void {
	ns.command("info")
		.summary("say whether a namespace is there, and where")
		.description(
			"Says whether a namespace is there, and in which directory: what --dir of the other commands takes. " +
				"Exits with 1 when it is not there.",
		)
		.argument("<name>", "namespace to look for")
		.addHelpText("after", "\nExample:\n  $ streamkit ns info staging --json | jq -r .directory")
		.action(async (name: string) => {
			checkNamespaceName("name", name);
			await requireNamespace(context.directory, name);
			const directory = directoryOf(context.directory, name);
			await context.print(
				{ namespace: name, status: "exists", directory },
				() => `Namespace: ${name}\nStatus: exists\nDirectory: ${directory}`,
			);
		});
}
