import type { Command } from "commander";
import { checkNamespaceName, DEFAULT_NAMESPACE, existsAlready } from "../../namespaces/namespaces.js";
import type { Context } from "../context.js";
import { withNamespaces } from "../places.js";

export function addCreate(ns: Command, context: Context): void {
	ns.command("create")
		.summary("create a namespace")
		.description("Creates a namespace. Its first write would create it as well.")
		.argument("<name>", 'a letter, then up to 62 letters, digits, ".", "_" or "-", not ending in "-"')
		.addHelpText("after", "\nExample:\n  $ streamkit ns create staging")
		.action(async (name: string) => {
			// Before a directory is made for it.
			checkNamespaceName("name", name);
			if (name === DEFAULT_NAMESPACE) throw existsAlready(name);
			await withNamespaces(context.directory, (namespaces) => namespaces.create(name));
			await context.print({ namespace: name, status: "created" }, () => `Created namespace: ${name}`);
		});
}
