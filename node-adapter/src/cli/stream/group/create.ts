import { type Command, Option } from "commander";
import type { GroupOptions } from "streamkit";
import type { Context } from "../../context.js";
import { printable } from "../../terminal.js";
import { usage } from "../../usage.js";
import { integer } from "../../values.js";
import { groupAsObject } from "./group-format.js";
import { groupArguments, type NameOptions, nameOf } from "./names.js";

type Options = NameOptions & GroupOptions;

const MODES: readonly NonNullable<GroupOptions["mode"]>[] = ["shared", "exclusive", "key_shared"];

export function addCreate(group: Command, context: Context): void {
	groupArguments(group.command("create"))
		.summary("create a group")
		.description("Creates a group. Its first read would create it as well, with the defaults.")
		.addOption(
			new Option(
				"-m, --mode <mode>",
				"shared: consumers pull; exclusive: one at a time; key_shared: a key's records to one (default: shared)",
			).choices(MODES),
		)
		.option("-s, --start <id>", 'first id, itself included; "$": only what is appended from now on (default: 0-0)')
		.option(
			"--ack-timeout <ms>",
			"deliver again when not acknowledged for so long; 0: never (default: 30000)",
			integer("--ack-timeout"),
		)
		.option(
			"--max-deliver <count>",
			"attempts before the dead-letter stream; 0: any number (default: 10)",
			integer("--max-deliver"),
		)
		.option(
			"--consumer-timeout <ms>",
			"a consumer not heard of for so long has left, and what it has is due (default: 30000)",
			integer("--consumer-timeout"),
		)
		.option(
			"--max-standbys <count>",
			"mode exclusive: how many may wait; 0: none (default: any number)",
			integer("--max-standbys"),
		)
		.option("--slots <count>", "mode key_shared: what keys are spread over (default: 256)", integer("--slots"))
		.option("--dead-letter-stream <name>", "where records go after the last attempt (default: STREAM.GROUP.dlq)")
		.addHelpText(
			"after",
			`
Examples:
  $ streamkit stream group create events --group processors --ack-timeout 30000 --max-deliver 5
  $ streamkit stream group create events --group leader --mode exclusive --max-standbys 0
  $ streamkit stream group create events --group users --mode key_shared --slots 16`,
		)
		.action((stream: string, name: string | undefined, { group, ...options }: Options) => {
			const chosen = nameOf("group", name, group);
			checkModeOptions(options);
			return context.writing(async ({ streams }) => {
				const info = await streams.group(stream, chosen).create({ ...options, signal: context.signal });
				await context.print(
					{ status: "ok", ...groupAsObject(info) },
					() => `Created consumer group '${printable(chosen)}' on stream '${printable(stream)}' (mode: ${info.mode})`,
				);
			});
		});
}

/** What belongs to one mode would say nothing in another. */
function checkModeOptions({ mode, maxStandbys, slots }: Options): void {
	if (maxStandbys !== undefined && mode !== "exclusive") throw usage("--max-standbys", "needs --mode exclusive");
	if (slots !== undefined && mode !== "key_shared") throw usage("--slots", "needs --mode key_shared");
}
