import type { Command } from "commander";
import { DEFAULT_NAMESPACE } from "../../namespaces/namespaces.js";
import type { Context } from "../context.js";

/** Lets a command, or all commands of a group, work in another namespace than "default". */
export function namespaceOption(command: Command, context: Context): Command {
	return command
		.option("-n, --namespace <name>", `namespace to work in (default: "${DEFAULT_NAMESPACE}")`)
		.hook("preAction", () => context.useNamespace(command.opts<{ namespace?: string }>().namespace));
}
