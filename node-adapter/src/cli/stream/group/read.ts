import type { Command } from "commander";
import type { Delivery } from "streamkit";
import type { Context } from "../../context.js";
import { integer, integerIn } from "../../values.js";
import { recordAsObject, recordForPeople } from "../record-format.js";
import { consumerArguments, type NameOptions, nameOf } from "./names.js";

interface Options extends NameOptions {
	readonly limit?: number;
	readonly block?: number;
	/** False with --no-ack. */
	readonly ack: boolean;
}

export function addRead(group: Command, context: Context): void {
	consumerArguments(group.command("read"))
		.summary("take records for a consumer")
		.description(
			"Takes records for a consumer: first those that are due again, then new ones. " +
				"Creates the group and adds the consumer where that is needed.",
		)
		.option("-l, --limit <count>", "at most so many, up to 1000 (default: 10)", integerIn("--limit", 1, 1000))
		.option(
			"-b, --block <ms>",
			"wait up to so many milliseconds when there is nothing; 0: for ever (default: do not wait)",
			integer("--block"),
		)
		.option("--no-ack", "as if acknowledged at once: delivered at most once")
		.addHelpText(
			"after",
			`
Examples:
  $ streamkit stream group read events --group processors --consumer worker-1 --limit 10
  $ streamkit stream group read events processors worker-1 --block 5000 --json`,
		)
		.action((stream: string, name: string | undefined, member: string | undefined, options: Options) => {
			const chosen = nameOf("group", name, options.group);
			const consumer = nameOf("consumer", member, options.consumer);
			const { limit, block, ack } = options;
			return context.writing(async ({ streams }) => {
				const group = streams.group(stream, chosen);
				const deliveries = await group.read(consumer, { limit, block, noAck: !ack, signal: context.signal });
				await context.out.write(deliveries.map((delivery) => `${line(context, stream, delivery)}\n`).join(""));
				if (deliveries.length === 0) await context.note("No records");
			});
		});
}

function line({ json, colors }: Context, stream: string, { entry, deliveryCount, deadline }: Delivery): string {
	if (json) {
		const delivery = { stream, delivery_count: deliveryCount, deadline_ms: deadline };
		return JSON.stringify({ ...recordAsObject(entry), ...delivery });
	}
	return recordForPeople(entry, colors, deliveryCount > 1 ? `attempt ${deliveryCount}` : undefined);
}
