import type { Readable } from "node:stream";
import { type Command, Option } from "commander";
import { type Durability, isStreamkitError, type Store, StreamkitError } from "streamkit";
import type { Context } from "../context.js";
import { type Input, openInput } from "../input.js";
import { type Line, readLines } from "../ndjson.js";
import { namespaceOption } from "../ns/namespace-option.js";
import { OrderedWriter, type Write } from "../ordered-writer.js";
import { type Bar, progressBar } from "../progress.js";
import { withStored } from "../stored.js";
import { storeAll } from "../storing.js";
import { counted } from "../terminal.js";
import { FORMATS, type Format, spacesOption } from "../transfer-options.js";
import { usage } from "../usage.js";
import { compressOption, durabilityOption } from "../values.js";

interface Options {
	readonly spaces?: readonly string[];
	readonly format?: Format;
	readonly renumber?: boolean;
	readonly compress?: boolean;
	readonly durability: Durability;
}

export function addImport(program: Command, context: Context): void {
	namespaceOption(program.command("import"), context)
		.summary("read back what export wrote")
		.description(
			"Reads back what export wrote, from a file or from standard input. Creates the store where it is missing.",
		)
		.argument("[file]", "file to read; - or left out: standard input")
		.addOption(spacesOption())
		.addOption(new Option("--format <format>", "default: what the input begins with tells").choices(FORMATS))
		.option("--renumber", "ndjson: append after what is there, instead of refusing other sequences")
		.addOption(compressOption())
		.addOption(durabilityOption("ndjson: "))
		.addHelpText(
			"after",
			`
streamkit: the same entries with their ids, timestamps and TRX, and only into spaces that are empty.
  Of a damaged file, spaces that came whole before the damage are stored, and nothing of the others.
  An import that ends early says how many spaces were stored; what is left, --spaces names for the next one.
ndjson: new entries with the payload, metadata and sequence of each line. A line needs space, segment and payload;
  "encoding":"base64" for bytes. A sequence that is not the segment's next one is refused.
  When a line is refused, the lines before it are stored, and the error names it and says how many entries
  were stored.

Examples:
  $ streamkit import backup.streamkit --dir copy --compress
  $ streamkit import backup.streamkit --spaces orders,sensors -n staging
  $ gunzip -c backup.streamkit.gz | streamkit import`,
		)
		.action((file: string | undefined, options: Options, command: Command) =>
			importFrom(context, file, options, command),
		);
}

async function importFrom(
	context: Context,
	file: string | undefined,
	options: Options,
	command: Command,
): Promise<void> {
	const input = await openInput(file, "file", context.signal);
	const bar = progressBar(context.err, context.json || !input.isFile, "importing", input.size, "bytes");
	try {
		const source = await recognise(input, options.format, bar);
		const { format } = source;
		if (format === "streamkit") refuseLineOptions(options, command);
		await context.writing(async (store) => {
			const { spaces, segments, entries } =
				format === "ndjson"
					? await importLines(context, store, source, bar, options)
					: await importExact(context, store, source, options);
			bar.stop();
			await context.print({ format, spaces, segments, entries }, () =>
				[
					counted(entries, "entry", "entries"),
					...(segments === undefined ? [] : [counted(segments, "segment", "segments")]),
					counted(spaces, "space", "spaces"),
				].join(", "),
			);
		}, options.compress);
	} finally {
		bar.stop();
	}
}

/** What says how lines are stored says nothing of entries that are stored as they were. */
function refuseLineOptions({ renumber }: Options, command: Command): void {
	if (renumber === true) throw usage("--renumber", "is for ndjson: this is an exact export, which keeps its sequences");
	if (command.getOptionValueSource("durability") === "cli") {
		throw usage("--durability", "is for ndjson: this is an exact export, which is always stored strictly");
	}
}

async function importExact(
	{ signal }: Context,
	store: Store,
	{ chunks }: Source,
	{ spaces }: Options,
): Promise<{ spaces: number; segments: number; entries: number }> {
	try {
		return await store.import(chunks, { spaces, signal });
	} catch (error) {
		const stored = isStreamkitError(error) ? error.details["spacesDone"] : undefined;
		throw typeof stored === "number" ? withStored(error, stored, "spaces") : error;
	}
}

/** What is imported. */
interface Source {
	readonly format: Format;
	readonly chunks: AsyncIterable<Uint8Array>;
	readonly isFile: boolean;
}

/** The input's chunks again, and its format: that of its first byte, unless told. */
async function recognise({ stream, isFile }: Input, told: Format | undefined, bar: Bar): Promise<Source> {
	const iterator = (stream as Readable & AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
	let first = await iterator.next();
	while (first.done !== true && first.value.length === 0) first = await iterator.next();
	if (first.done === true) throw usage("file", "the input is empty");
	const start = first.value;
	let done = 0;
	async function* chunks(): AsyncGenerator<Uint8Array, void, void> {
		try {
			for (
				let chunk: IteratorResult<Uint8Array> = { value: start };
				chunk.done !== true;
				chunk = await iterator.next()
			) {
				done += chunk.value.length;
				bar.update(done);
				yield chunk.value;
			}
		} finally {
			await iterator.return?.();
		}
	}
	// A brace, white space, or a byte order mark.
	const text = /^[{\s\u00ef]/.test(String.fromCharCode(start[0] ?? 0));
	return { format: told ?? (text ? "ndjson" : "streamkit"), chunks: chunks(), isFile };
}

async function importLines(
	context: Context,
	store: Store,
	{ chunks, isFile }: Source,
	bar: Bar,
	{ spaces: chosen, renumber, durability }: Options,
): Promise<{ spaces: number; segments: number | undefined; entries: number }> {
	const writer = new OrderedWriter(store, { signal: context.signal, durability });
	const spaces = new Set<string>();
	const isChosen = (space: string): boolean => chosen?.includes(space) ?? true;
	await storeAll(context, writer, bar, async () => {
		for await (const lines of readLines(chunks)) {
			for (const line of lines) {
				const write = lineToWrite(line, renumber === true);
				if (!isChosen(write.space)) continue;
				spaces.add(write.space);
				if (writer.add(write)) await writer.flush();
			}
			// A slow input is stored as it comes.
			if (!isFile) await writer.flush();
		}
	});
	const missing = chosen?.find((space) => !spaces.has(space));
	if (missing !== undefined) {
		const message = `--spaces: the input holds no "${missing}"`;
		const error = new StreamkitError("NOT_FOUND", message, { details: { space: missing } });
		throw withStored(error, writer.stored, "entries");
	}
	return { spaces: spaces.size, segments: writer.segments, entries: writer.stored };
}

function lineToWrite({ value, number, text }: Line, renumber: boolean): Write {
	const wrong = (field: string, rule: string): StreamkitError =>
		usage(`line ${number}`, `"${field}" ${rule}`, { line: number, field });
	const { space, segment, payload, payloadBase64, encoding, metadata, sequence } = (value ?? {}) as Record<
		string,
		unknown
	>;
	if (typeof space !== "string") throw wrong("space", "must be text");
	if (typeof segment !== "string") throw wrong("segment", "must be text");
	if (encoding !== undefined && encoding !== "utf8" && encoding !== "base64") {
		throw wrong("encoding", 'must be "utf8" or "base64"');
	}
	const body = payload ?? payloadBase64;
	if (typeof body !== "string") throw wrong("payload", "must be text");
	if (metadata !== undefined && !isTexts(metadata)) throw wrong("metadata", "must be an object of texts");
	if (sequence !== undefined && !(Number.isSafeInteger(sequence) && (sequence as number) > 0)) {
		throw wrong("sequence", "must be a whole number of at least 1");
	}
	const base64 = encoding === "base64" || payload === undefined;
	if (base64 && !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(body)) {
		throw wrong("payload", "is not base64");
	}
	return {
		space,
		segment,
		record: {
			payload: base64 ? Buffer.from(body, "base64") : body,
			metadata,
			sequence: renumber ? undefined : (sequence as number | undefined),
		},
		line: number,
		bytes: text.length + 64,
	};
}

function isTexts(value: unknown): value is Record<string, string> {
	return (
		typeof value === "object" &&
		value !== null &&
		!Array.isArray(value) &&
		Object.values(value).every((text) => typeof text === "string")
	);
}
