import { type Command, Option } from "commander";
import { type ConsumeSpace, type Entry, type EntryStream, LexKey, type Store } from "streamkit";
import type { Context } from "../context.js";
import { entryAsJson, entryForPeople } from "../entry-format.js";
import { printEntries } from "../printing.js";
import { usage } from "../usage.js";
import { integer, limitOption, names, repeated, shortLimitOption, timestamp, ZONE_HELP } from "../values.js";

interface Options {
	readonly spaces?: readonly string[];
	readonly offset?: readonly string[];
	readonly follow?: boolean;
	readonly minSequence?: number;
	readonly maxSequence?: number;
	readonly minTimestamp?: number;
	readonly maxTimestamp?: number;
	readonly limit?: number;
}

/** A read, and the offset to resume it after an entry. */
interface Reading {
	readonly entries: EntryStream;
	readonly offsetOf: (entry: Entry) => LexKey;
}

export function addConsume(program: Command, context: Context): void {
	program
		.command("consume")
		.summary("read a segment, a space or several spaces")
		.description(
			"Reads a segment in sequence order, a space in the order of commits, or several spaces merged by time. " +
				"With --json each line has an offset: give the last one you handled to go on after it.",
		)
		.argument("[space]", "space to read; or --spaces")
		.argument("[segment]", "read only this segment")
		.addOption(
			new Option("--spaces <names>", "several spaces, separated by commas; can be repeated").argParser(
				names("--spaces"),
			),
		)
		.option("-f, --follow", "go on with entries as they are stored; Ctrl-C ends it")
		.option("-o, --offset <hex>", "start after this offset; with --spaces once for each space", repeated)
		.option("--min-sequence <n>", "from this sequence (of a segment)", integer("--min-sequence"))
		.option("--max-sequence <n>", "to this sequence (of a segment)", integer("--max-sequence"))
		.option(
			"--min-timestamp <time>",
			`from this time: milliseconds or ISO 8601; ${ZONE_HELP}`,
			timestamp("--min-timestamp"),
		)
		.option("--max-timestamp <time>", "to this time, given likewise", timestamp("--max-timestamp"))
		.addOption(limitOption())
		.addOption(shortLimitOption())
		.addHelpText(
			"after",
			`
Examples:
  $ streamkit consume orders order-1
  $ streamkit consume orders --follow --json | jq -r .payload
  $ streamkit consume --spaces orders,payments --min-timestamp 2026-01-31T12:00:00Z
  $ streamkit consume orders --json --limit 100 | tail -1 | jq -r .offset   (then --offset with that)`,
		)
		.action((space: string | undefined, segment: string | undefined, options: Options) =>
			consume(context, space, segment, options),
		);
}

async function consume(
	context: Context,
	space: string | undefined,
	segment: string | undefined,
	options: Options,
): Promise<void> {
	if ((space === undefined) === (options.spaces === undefined)) {
		throw usage("space", "give either a space or --spaces");
	}
	if (segment === undefined && (options.minSequence !== undefined || options.maxSequence !== undefined)) {
		throw usage("--min-sequence, --max-sequence", "sequences belong to a segment: give one");
	}
	context.endless = options.follow === true;
	await context.reading(async (store) => {
		const reading =
			space === undefined
				? readSpaces(store, options.spaces ?? [], options, context.signal)
				: segment === undefined
					? readSpace(store, space, options, context.signal)
					: readSegment(store, space, segment, options, context.signal);
		const printed = await printEntries(context, reading.entries.pages(), (entry) =>
			context.json ? entryAsJson(entry, reading.offsetOf(entry)) : entryForPeople(entry, context.colors),
		);
		if (printed === 0 && options.follow !== true) await context.note("No entries");
	});
}

function bounds(
	{ minTimestamp, maxTimestamp, limit, follow }: Options,
	signal: AbortSignal,
): Omit<ConsumeSpace, "space" | "offset"> {
	return { minTimestamp, maxTimestamp, limit, follow, signal };
}

function oneOffset({ offset = [] }: Options): string | undefined {
	if (offset.length > 1) throw usage("--offset", "one is enough for one space or segment");
	return offset[0];
}

function readSegment(store: Store, space: string, segment: string, options: Options, signal: AbortSignal): Reading {
	const { minSequence, maxSequence } = options;
	const offset = oneOffset(options);
	return {
		entries: store.consumeSegment({ space, segment, minSequence, maxSequence, offset, ...bounds(options, signal) }),
		offsetOf: (entry) => entry.segmentOffset(),
	};
}

function readSpace(store: Store, space: string, options: Options, signal: AbortSignal): Reading {
	return {
		entries: store.consumeSpace({ space, offset: oneOffset(options), ...bounds(options, signal) }),
		offsetOf: (entry) => entry.spaceOffset(),
	};
}

function readSpaces(store: Store, spaces: readonly string[], options: Options, signal: AbortSignal): Reading {
	const offsets = new Map(spaces.map((space): [string, string] => [space, ""]));
	for (const offset of options.offset ?? []) {
		// An offset begins with the name of its space.
		const space = spaces.find((name) =>
			offset.toLowerCase().startsWith(`${LexKey.encode("DAT", "SPACES", name).toHex()}00`),
		);
		if (space === undefined) throw usage("--offset", `"${offset}" is an offset of none of the spaces`);
		if (offsets.get(space) !== "") throw usage("--offset", `there are two for space "${space}"`);
		offsets.set(space, offset);
	}
	return {
		entries: store.consume({ offsets: Object.fromEntries(offsets), ...bounds(options, signal) }),
		offsetOf: (entry) => entry.spaceOffset(),
	};
}
