import type { Command } from "commander";
import type { TrimOptions } from "streamkit";
import type { Context } from "../context.js";
import { counted } from "../terminal.js";
import { usage } from "../usage.js";
import { duration, integerIn } from "../values.js";

interface Options {
	readonly maxlen?: number;
	readonly before?: string;
	/** Milliseconds. */
	readonly maxage?: number;
	readonly maxbytes?: number;
	readonly dryRun?: boolean;
}

export function addTrim(stream: Command, context: Context): void {
	stream
		.command("trim")
		.summary("remove the oldest records")
		.description("Removes the oldest records of a stream, exact to the record. Takes exactly one bound.")
		.argument("<stream>", "stream to trim")
		.option("--maxlen <count>", "keep the newest so many records", integerIn("--maxlen", 1))
		.option("--before <id>", "remove records before this id, which stays itself")
		.option("--maxage <seconds>", "remove records older than so many seconds", duration("--maxage", 1000))
		.option("--maxbytes <bytes>", "keep the newest records that fit so many bytes", integerIn("--maxbytes", 1))
		.option("--dry-run", "say what would be removed, and remove nothing")
		.addHelpText(
			"after",
			`
Examples:
  $ streamkit stream trim events --maxlen 10000
  $ streamkit stream trim events --before 1703350800000-0
  $ streamkit stream trim events --maxage 3600
  $ streamkit stream trim events --maxbytes 1073741824 --dry-run`,
		)
		.action((name: string, options: Options) => trim(context, name, options));
}

function boundOf({ maxlen, before, maxage, maxbytes, dryRun }: Options): TrimOptions {
	const bounds: TrimOptions[] = [
		...(maxlen === undefined ? [] : [{ maxCount: maxlen, dryRun }]),
		...(before === undefined ? [] : [{ before, dryRun }]),
		...(maxage === undefined ? [] : [{ maxAge: maxage, dryRun }]),
		...(maxbytes === undefined ? [] : [{ maxBytes: maxbytes, dryRun }]),
	];
	const [bound] = bounds;
	if (bound === undefined || bounds.length > 1) {
		throw usage("--maxlen, --before, --maxage, --maxbytes", "give exactly one of them");
	}
	if (maxage === 0) throw usage("--maxage", "must be above 0");
	return bound;
}

async function trim(context: Context, name: string, options: Options): Promise<void> {
	const bound = boundOf(options);
	await context.reading(async (store) => {
		const { trimmed, firstId } = await store.streams.trim(name, bound, { signal: context.signal });
		const dry = options.dryRun === true;
		await context.print({ status: dry ? "dry_run" : "ok", trimmed, first_id: firstId }, () => {
			const records = counted(trimmed, "record", "records");
			return dry ? `Would trim ${records} (dry run)` : `Trimmed ${records}`;
		});
	});
}
