import type { Command } from "commander";
import type { Durability } from "streamkit";
import type { Context } from "../context.js";
import { openInput, readAll } from "../input.js";
import { printable, time } from "../terminal.js";
import { asRecord, durabilityOption, integer, metadataOption, PAYLOAD_HELP } from "../values.js";

interface Options {
	readonly metadata?: ReadonlyMap<string, string>;
	readonly expected?: number;
	readonly trx?: string;
	readonly durability: Durability;
}

export function addPublish(program: Command, context: Context): void {
	program
		.command("publish")
		.summary("append one entry")
		.description("Appends one entry to a segment. Creates the store, the space and the segment where they are missing.")
		.argument("<space>", "space to append to")
		.argument("<segment>", "segment to append to")
		.argument("[payload]", "payload as text; - or left out: the bytes of standard input, as they are")
		.addOption(metadataOption())
		.option(
			"-e, --expected <sequence>",
			"the segment's last sequence as you know it (0: empty); anything else there is refused",
			integer("--expected"),
		)
		.option("--trx <uuid>", "makes a retry safe: the same UUID again stores nothing and answers the same")
		.addOption(durabilityOption())
		.addHelpText(
			"after",
			`${PAYLOAD_HELP}

Examples:
  $ streamkit publish orders order-1 '{"status":"placed"}' --metadata user=ann
  $ streamkit publish orders order-1 paid --expected 1
  $ gzip -c photo.raw | streamkit publish photos album-7 -
  $ streamkit publish numbers n -- -5        (a payload that begins with a hyphen)`,
		)
		.action((space: string, segment: string, payload: string | undefined, options: Options) =>
			publish(context, space, segment, payload, options),
		);
}

async function publish(
	context: Context,
	space: string,
	segment: string,
	payload: string | undefined,
	{ metadata, expected, trx, durability }: Options,
): Promise<void> {
	const { signal } = context;
	const input = payload === undefined || payload === "-" ? await openInput(payload, "payload", signal) : undefined;
	await context.writing(async (store) => {
		const body = input === undefined ? (payload as string) : await readAll(input, store.limits.maxRecordBytes);
		const status = await store.publish(space, segment, body, {
			metadata: metadata === undefined ? undefined : asRecord(metadata),
			expectedSequence: expected,
			trx: trx === undefined ? undefined : { id: trx },
			durability,
			signal,
		});
		await context.print(
			status,
			() => `${printable(space)}/${printable(segment)} #${status.lastSequence} at ${time(status.lastTimestamp)}`,
		);
	});
}
