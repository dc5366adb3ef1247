import type { Command } from "commander";
import type { Durability } from "streamkit";
import type { Context } from "../context.js";
import { openInput, readAll } from "../input.js";
import { counted } from "../terminal.js";
import { usage } from "../usage.js";
import { asRecord, durabilityOption, PAYLOAD_HELP, pair } from "../values.js";
import { type PartitionChoice, partitionOptions } from "./partition.js";

interface Options extends PartitionChoice {
	readonly header?: ReadonlyMap<string, string>;
	readonly trx?: string;
	readonly durability: Durability;
}

export function addAppend(stream: Command, context: Context): void {
	const command = stream
		.command("append")
		.alias("add")
		.summary("append records")
		.description(
			"Appends records to one partition of a stream, all of them or none. " +
				"Creates the stream, with one partition, where it is missing.",
		)
		.argument("<stream>", "stream to append to")
		.argument("[payload...]", "payload of each record; - or left out: one record with the bytes of standard input")
		.option("-H, --header <name=value>", "header of every record; can be repeated", pair("--header"));
	partitionOptions(
		command,
		"partition to append to (default: 0)",
		"key that chooses the partition: the same key, the same partition",
	)
		.option("--trx <uuid>", "makes a retry safe: the same UUID again stores nothing and answers the same")
		.addOption(durabilityOption())
		.addHelpText(
			"after",
			`${PAYLOAD_HELP}

Examples:
  $ streamkit stream append events '{"type":"signup","user":"alice"}'
  $ streamkit stream append events 'event-a' 'event-b' 'event-c'
  $ streamkit stream append events '{"type":"login"}' -H source=web -H trace-id=abc123
  $ streamkit stream append orders '{"user":"alice"}' --partition-key alice
  $ gzip -c photo.raw | streamkit stream append photos -
  $ streamkit stream append numbers -- -5        (a payload that begins with a hyphen)`,
		)
		.action((name: string, payloads: readonly string[], options: Options) => append(context, name, payloads, options));
}

async function append(
	context: Context,
	name: string,
	payloads: readonly string[],
	{ header, partition, partitionKey, trx, durability }: Options,
): Promise<void> {
	const { signal } = context;
	const piped = payloads.length === 0 || payloads.includes("-");
	if (piped && payloads.length > 1) throw usage("payload", "- is standard input, and stands alone");
	const input = piped ? await openInput(payloads[0], "payload", signal) : undefined;
	await context.writing(async (store) => {
		const records = input === undefined ? payloads : await readAll(input, store.limits.maxRecordBytes);
		const appended = await store.streams.append(name, records, {
			headers: header === undefined ? undefined : asRecord(header),
			partition,
			partitionKey,
			trx: trx === undefined ? undefined : { id: trx },
			durability,
			signal,
		});
		const { firstId, lastId, count } = appended;
		await context.print(
			{ stream_id: firstId, first_id: firstId, last_id: lastId, count, partition: appended.partition },
			() =>
				count === 1
					? `Appended at ${firstId}`
					: `Appended ${counted(count, "record", "records")} starting at ${firstId}`,
		);
	});
}
