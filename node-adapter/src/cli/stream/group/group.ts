import type { Command } from "commander";
import type { Context } from "../../context.js";
import { addCreate } from "./create.js";
import { addDelete } from "./delete.js";
import { addInfo } from "./info.js";
import { addJoin, addLeave } from "./members.js";
import { addPending } from "./pending.js";
import { addRead } from "./read.js";
import { addReplay } from "./replay.js";
import { addAck, addNack, addTouch } from "./settle.js";

export function addGroup(stream: Command, context: Context): void {
	const group = stream
		.command("group")
		.alias("cg")
		.summary("consumer groups of a stream")
		.description("Consumer groups: each record goes to one consumer of a group, until it is acknowledged.")
		.addHelpText(
			"after",
			`
Group and consumer are given as arguments or with --group and --consumer.

Examples:
  $ streamkit stream group create events --group processors --ack-timeout 30000 --max-deliver 5
  $ streamkit stream group read events --group processors --consumer worker-1 --limit 10
  $ streamkit stream group ack events --group processors --consumer worker-1 --ids 1703350800000-0,1703350800000-1`,
		);
	for (const add of [
		...[addCreate, addJoin, addRead, addAck, addNack, addTouch, addLeave],
		...[addPending, addInfo, addDelete, addReplay],
	]) {
		add(group, context);
	}
}
