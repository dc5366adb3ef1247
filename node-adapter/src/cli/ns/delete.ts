import type { Command } from "commander";
import { checkNamespaceName, DEFAULT_NAMESPACE } from "../../namespaces/namespaces.js";
import type { Context } from "../context.js";
import { requireNamespace, withNamespaces } from "../places.js";
import { usage } from "../usage.js";

export function addDelete(ns: Command, context: Context): void {
	ns.command("delete")
		.aliases(["rm", "remove"])
		.summary("delete a namespace")
		.description(`Deletes a namespace that is empty, or any with --force. "${DEFAULT_NAMESPACE}" stays.`)
		.argument("<name>", "namespace to delete")
		.option("-f, --force", "also when something is stored in it")
		.addHelpText("after", "\nExample:\n  $ streamkit ns delete staging --force")
		.action(async (name: string, { force }: { force?: boolean }) => {
			checkNamespaceName("name", name);
			if (name === DEFAULT_NAMESPACE) throw usage("name", `the namespace "${name}" cannot be deleted`);
			await requireNamespace(context.directory, name);
			await withNamespaces(context.directory, (namespaces) => namespaces.delete(name, { force }));
			await context.print({ namespace: name, status: "deleted" }, () => `Deleted namespace: ${name}`);
		});
}
