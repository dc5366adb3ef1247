import type { Command } from "commander";
import type { Context } from "../context.js";
import { addCreate } from "./create.js";
import { addDelete } from "./delete.js";
import { addInfo } from "./info.js";
import { addList } from "./list.js";

/** What the help of every command with namespaces says about them. */
export const NAMESPACES_HELP = `
Namespaces:
  A namespace is a store of its own: the same stream name in two namespaces is two streams.
  The namespace "default" is what commands work in without -n, and is always there. In a directory that is
  one store, that store is "default", and the other namespaces are in its folder "namespaces".`;

export function addNs(program: Command, context: Context): void {
	const ns = program
		.command("ns")
		.alias("namespace")
		.summary("create, list and delete namespaces")
		.description("Namespaces: named stores below one directory.")
		.addHelpText(
			"after",
			`${NAMESPACES_HELP}

Examples:
  $ streamkit ns create staging
  $ streamkit stream append events '{"env":"staging"}' -n staging
  $ streamkit ns list`,
		);
	for (const add of [addCreate, addList, addInfo, addDelete]) add(ns, context);
}
