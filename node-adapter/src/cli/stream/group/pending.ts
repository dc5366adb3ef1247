import type { Command } from "commander";
import type { Context } from "../../context.js";
import { printable, table, time } from "../../terminal.js";
import { integerIn } from "../../values.js";
import { consumerOption, groupArguments, type NameOptions, nameOf } from "./names.js";

interface Options extends NameOptions {
	readonly limit?: number;
	readonly after?: string;
}

export function addPending(group: Command, context: Context): void {
	consumerOption(groupArguments(group.command("pending")), "only those of this consumer")
		.summary("list what is delivered and not acknowledged")
		.description("Lists the records that are delivered and not acknowledged, by id.")
		.option("-a, --after <id>", "only ids after this one")
		.option("-l, --limit <count>", "at most so many, up to 1000 (default: 1000)", integerIn("--limit", 1, 1000))
		.addHelpText("after", "\nExample:\n  $ streamkit stream group pending events --group processors")
		.action((stream: string, name: string | undefined, { group, consumer, limit, after }: Options) => {
			const chosen = nameOf("group", name, group);
			return context.reading(async ({ streams }) => {
				const { signal } = context;
				const all = await streams.group(stream, chosen).pending({ consumer, limit, after, signal });
				if (context.json) {
					for (const { id, consumer, deliveryCount, deliveredAt, deadline } of all) {
						const times = { delivered_at_ms: deliveredAt, deadline_ms: deadline };
						await context.print({ id, consumer, delivery_count: deliveryCount, ...times }, String);
					}
				} else if (all.length === 0) {
					await context.note("No pending records");
				} else {
					const rows = all.map(({ id, consumer, deliveryCount, deliveredAt, deadline }) => [
						...[id, printable(consumer), String(deliveryCount), time(deliveredAt), due(deadline)],
					]);
					await context.out.write(table(["ID", "CONSUMER", "ATTEMPTS", "DELIVERED", "DEADLINE"], rows));
				}
			});
		});
}

/** When a record is due; one that is not due by time has the largest integer there. */
function due(deadline: number): string {
	return deadline === Number.MAX_SAFE_INTEGER ? "never" : time(deadline);
}
