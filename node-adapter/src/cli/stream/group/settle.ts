import type { Command } from "commander";
import type { Group } from "streamkit";
import type { Context } from "../../context.js";
import { counted } from "../../terminal.js";
import { integer, integerIn, names } from "../../values.js";
import { consumerArguments, type NameOptions, nameOf } from "./names.js";

interface Options extends NameOptions {
	readonly ids: readonly string[];
	readonly delay?: number;
	readonly extend?: number;
}

type Settle = (group: Group, consumer: string, options: Options, signal: AbortSignal) => Promise<number>;

/** A command on records that a consumer took. word: what happened to them. */
function settling(command: Command, context: Context, word: string, settle: Settle): Command {
	return consumerArguments(command)
		.requiredOption("--ids <ids>", "ids of the records, separated by commas; can be repeated", names("--ids"))
		.action((stream: string, name: string | undefined, member: string | undefined, options: Options) => {
			const chosen = nameOf("group", name, options.group);
			const consumer = nameOf("consumer", member, options.consumer);
			return context.reading(async ({ streams }) => {
				const count = await settle(streams.group(stream, chosen), consumer, options, context.signal);
				const asked = options.ids.length;
				await context.print(
					{ status: "ok", stream, group: chosen, consumer, count },
					() =>
						`${word} ${counted(count, "record", "records")}` +
						(count < asked ? `; not pending for this consumer: ${asked - count}` : ""),
				);
			});
		});
}

export function addAck(group: Command, context: Context): void {
	settling(group.command("ack"), context, "Acknowledged", (on, consumer, { ids }, signal) =>
		on.ack(consumer, ids, { signal }),
	)
		.summary("acknowledge records")
		.description("Acknowledges records that a consumer took: they are done with.")
		.addHelpText(
			"after",
			"\nExample:\n  $ streamkit stream group ack events processors worker-1 --ids 1703350800000-0,1703350800000-1",
		);
}

export function addNack(group: Command, context: Context): void {
	settling(group.command("nack"), context, "Gave back", (on, consumer, { ids, delay }, signal) =>
		on.nack(consumer, ids, { delay, signal }),
	)
		.summary("give records back")
		.description(
			"Gives records back, to be delivered again; at the last attempt, to the dead-letter stream. A delay ends " +
				"early once nothing was heard of the consumer for the group's consumer timeout.",
		)
		.option("--delay <ms>", "not before so many milliseconds (default: 0)", integer("--delay"))
		.addHelpText(
			"after",
			"\nExample:\n  $ streamkit stream group nack events processors worker-1 --ids 1703350800000-0 --delay 5000",
		);
}

export function addTouch(group: Command, context: Context): void {
	settling(group.command("touch"), context, "Extended", (on, consumer, { ids, extend = 0 }, signal) =>
		on.touch(consumer, ids, { extend, signal }),
	)
		.summary("extend the time to acknowledge records")
		.description(
			"Gives a consumer more time for records that it took. It ends early once nothing was heard of the consumer " +
				"for the group's consumer timeout: any command of it is heard.",
		)
		.requiredOption("--extend <ms>", "so many milliseconds from now", integerIn("--extend", 1))
		.addHelpText(
			"after",
			"\nExample:\n  $ streamkit stream group touch events processors worker-1 --ids 1703350800000-0 --extend 60000",
		);
}
