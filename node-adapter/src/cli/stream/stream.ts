import type { Command } from "commander";
import type { Context } from "../context.js";
import { namespaceOption } from "../ns/namespace-option.js";
import { NAMESPACES_HELP } from "../ns/ns.js";
import { addAlter } from "./alter.js";
import { addAppend } from "./append.js";
import { addCreate } from "./create.js";
import { addDelete } from "./delete.js";
import { addGroup } from "./group/group.js";
import { addInfo } from "./info.js";
import { addList } from "./list.js";
import { addRead } from "./read.js";
import { addTrim } from "./trim.js";

export function addStream(program: Command, context: Context): void {
	const stream = namespaceOption(program.command("stream"), context)
		.summary("streams with partitions, retention and consumer groups")
		.description("Streams: append, read, follow, trim, and consumer groups. A stream is a space of the store.")
		.addHelpText(
			"after",
			`${NAMESPACES_HELP}

Examples:
  $ streamkit stream append events '{"type":"signup"}' -H source=web
  $ streamkit stream read events --limit 10
  $ streamkit stream read events --follow --start '$'
  $ streamkit stream group read events --group workers --consumer worker-1`,
		);
	for (const add of [addAppend, addRead, addCreate, addAlter, addInfo, addList, addTrim, addDelete, addGroup]) {
		add(stream, context);
	}
}
