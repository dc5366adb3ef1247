import { type Command, Option } from "commander";
import type { Entry } from "streamkit";
import type { Context } from "../context.js";
import { printEntries } from "../printing.js";
import { usage } from "../usage.js";
import { integer, integerIn } from "../values.js";
import { type PartitionChoice, partitionOptions } from "./partition.js";
import { recordAsObject, recordForPeople } from "./record-format.js";

interface Options extends PartitionChoice {
	readonly start?: string;
	readonly after?: string;
	readonly end?: string;
	readonly limit?: number;
	readonly block?: number;
	readonly follow?: boolean;
}

export function addRead(stream: Command, context: Context): void {
	const command = stream
		.command("read")
		.alias("get")
		.summary("read records, wait for them, follow them")
		.description(
			"Reads records in the order in which they were appended, of all partitions or of one. " +
				"A stream that is not there reads as empty.",
		)
		.argument("<stream>", "stream to read")
		.option("-s, --start <id>", 'first id, itself included; "$": only what is appended from now on (default: 0-0)')
		.addOption(new Option("-a, --after <id>", "id to go on after, itself left out").conflicts("start"))
		.option("-e, --end <id>", "last id, itself included")
		.option("-l, --limit <count>", "at most so many, up to 1000 (default: 10)", integerIn("--limit", 1, 1000))
		.option(
			"-b, --block <ms>",
			"wait up to so many milliseconds when there is nothing; 0: for ever (default: do not wait)",
			integer("--block"),
		)
		.option("-f, --follow", "go on with records as they are appended; Ctrl-C ends it");
	partitionOptions(command, "only this partition", "only the partition that this key chooses")
		.addHelpText(
			"after",
			`
An id is <ms>-<n>. <ms> alone is the first id of that millisecond for --start, the last one for --end.
With --follow, --limit ends it after so many records; without one it goes on until it is stopped.

Examples:
  $ streamkit stream read events --start 0-0 --limit 10
  $ streamkit stream read events --start 1703350800000-0 --end 1703350815000-0
  $ streamkit stream read events --block 5000 --start '$' --limit 5
  $ streamkit stream read events --follow --start '$' --json | jq -r .payload
  $ streamkit stream read orders --partition-key alice`,
		)
		.action((name: string, options: Options) => read(context, name, options));
}

async function read(context: Context, name: string, options: Options): Promise<void> {
	const { follow = false, limit, block, ...range } = options;
	if (follow && block !== undefined) throw usage("--block", "--follow waits by itself, give one of them");
	context.endless = follow;
	const line = (entry: Entry): string =>
		context.json ? JSON.stringify(recordAsObject(entry)) : recordForPeople(entry, context.colors);
	await context.reading(async (store) => {
		const { start, after, end, partition, partitionKey } = range;
		const wanted = { start, after, end, partition, partitionKey, signal: context.signal };
		if (follow) {
			await printEntries(context, atMost(store.streams.follow(name, wanted).pages(), limit), line);
			return;
		}
		const records = await store.streams.read(name, { ...wanted, limit, block });
		const printed = await printEntries(context, [records], line);
		if (printed === 0) await context.note("No records");
	});
}

/** The first entries of some pages. */
async function* atMost(
	pages: AsyncIterable<readonly Entry[]>,
	limit: number | undefined,
): AsyncGenerator<readonly Entry[], void, void> {
	let left = limit ?? Number.POSITIVE_INFINITY;
	for await (const page of pages) {
		yield page.slice(0, left);
		left -= page.length;
		if (left <= 0) return;
	}
}
