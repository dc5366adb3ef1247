import type { Readable } from "node:stream";
import { type Command, Option } from "commander";
import { type Durability, type Store, StreamkitError } from "streamkit";
import type { Context } from "../context.js";
import { entryAsJson } from "../entry-format.js";
import { type Input, openInput } from "../input.js";
import { knownSpaces } from "../known-spaces.js";
import { type Line, readLines } from "../ndjson.js";
import { namespaceOption } from "../ns/namespace-option.js";
import { OrderedWriter, type Write } from "../ordered-writer.js";
import { openSink } from "../output-file.js";
import { type Bar, progressBar } from "../progress.js";
import { storeAll } from "../storing.js";
import { counted, size } from "../terminal.js";
import { usage } from "../usage.js";
import { compressOption, durabilityOption, names } from "../values.js";

type Format = "streamkit" | "ndjson";

interface ExportOptions {
	readonly spaces?: readonly string[];
	readonly format: Format;
	readonly force?: boolean;
}

interface ImportOptions {
	readonly spaces?: readonly string[];
	readonly format?: Format;
	readonly renumber?: boolean;
	readonly compress?: boolean;
	readonly durability: Durability;
}

const FORMATS: readonly Format[] = ["streamkit", "ndjson"];

const spacesOption = (): Option =>
	new Option("--spaces <names>", "only these, separated by commas; can be repeated").argParser(names("--spaces"));

export function addTransfer(program: Command, context: Context): void {
	namespaceOption(program.command("export"), context)
		.summary("write the store, or some spaces, to a file")
		.description("Writes all spaces of one namespace, or some, to a file or to standard output.")
		.argument("[file]", "file to write; - or left out: standard output")
		.addOption(spacesOption())
		.addOption(
			new Option("--format <format>", "streamkit: exact and checksummed; ndjson: each entry as a line of JSON")
				.choices(FORMATS)
				.default("streamkit"),
		)
		.option("--force", "replace the file if it is there")
		.addHelpText(
			"after",
			`
The file appears when it is complete. In NDJSON a payload that is not UTF-8 is base64, and "encoding" says so.

Examples:
  $ streamkit export backup.streamkit
  $ streamkit export staging.streamkit -n staging
  $ streamkit export - --spaces orders --format ndjson | jq -r .payload
  $ streamkit export | gzip > backup.streamkit.gz`,
		)
		.action((file: string | undefined, options: ExportOptions) => exportTo(context, file, options));

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
		.addOption(durabilityOption())
		.addHelpText(
			"after",
			`
streamkit: the same entries with their ids, timestamps and TRX, and only into spaces that are empty.
  Of a damaged file, spaces that came whole before the damage are stored, and nothing of the others.
  What an import that was broken off did not store, --spaces names for the next one.
ndjson: new entries with the payload, metadata and sequence of each line. A line needs space, segment and payload;
  "encoding":"base64" for bytes. A sequence that is not the segment's next one is refused.
  When a line is refused, the lines before it are stored, and the error names it and says how many entries
  were stored.

Examples:
  $ streamkit import backup.streamkit --dir copy --compress
  $ streamkit import backup.streamkit --spaces orders,sensors -n staging
  $ gunzip -c backup.streamkit.gz | streamkit import`,
		)
		.action((file: string | undefined, options: ImportOptions) => importFrom(context, file, options));
}

async function exportTo(
	context: Context,
	file: string | undefined,
	{ spaces, format, force }: ExportOptions,
): Promise<void> {
	if (file === "") throw usage("file", "must not be empty; - is standard output");
	const toFile = file !== undefined && file !== "-";
	if (!toFile && format === "streamkit" && context.out.isTerminal) {
		throw usage("file", "the streamkit format is not for terminals: name a file, or use --format ndjson");
	}
	await context.reading(async (store) => {
		const sink = await openSink(context, toFile ? file : undefined, force === true);
		context.wholeOnly = format === "streamkit" && !sink.isFile;
		const bar = progressBar(context.err, context.json, "exporting", 0, format === "ndjson" ? "entries" : "bytes");
		let bytes = 0;
		try {
			const source =
				format === "ndjson" ? entryLines(context, store, spaces, bar) : exported(context, store, spaces, bar);
			for await (const chunk of source) {
				bytes += chunk.length;
				await sink.write(chunk);
			}
			await sink.finish();
		} catch (error) {
			await sink.discard();
			throw error;
		} finally {
			bar.stop();
		}
		const text = `${size(bytes)} written to ${file}`;
		if (sink.isFile) await context.print({ file, format, bytes }, () => text);
		// It may lead to standard output.
		else if (toFile) await context.note(text);
		await context.noteOtherNamespaces();
	});
}

async function* exported(
	{ signal }: Context,
	store: Store,
	spaces: readonly string[] | undefined,
	bar: Bar,
): AsyncGenerator<Uint8Array, void, void> {
	let bytes = 0;
	for await (const chunk of store.export({ spaces, signal })) {
		bytes += chunk.length;
		bar.update(bytes);
		yield chunk;
	}
}

async function* entryLines(
	{ signal }: Context,
	store: Store,
	spaces: readonly string[] | undefined,
	bar: Bar,
): AsyncGenerator<Uint8Array, void, void> {
	let entries = 0;
	for await (const space of spaces === undefined
		? store.getSpaces({ signal })
		: await knownSpaces(store, "--spaces", spaces, signal)) {
		for await (const page of store.consumeSpace({ space, signal }).pages()) {
			entries += page.length;
			bar.update(entries);
			yield Buffer.from(page.map((entry) => `${entryAsJson(entry)}\n`).join(""));
		}
	}
}

async function importFrom(context: Context, file: string | undefined, options: ImportOptions): Promise<void> {
	const { signal } = context;
	const { spaces: chosen } = options;
	const input = await openInput(file, "file", signal);
	const bar = progressBar(context.err, context.json || !input.isFile, "importing", input.size, "bytes");
	const source = await recognise(input, options.format, bar);
	const { format, chunks } = source;
	await context
		.writing(async (store) => {
			const { spaces, segments, entries } =
				format === "ndjson"
					? await importLines(context, store, source, bar, options)
					: await store.import(chunks, { spaces: chosen, signal });
			bar.stop();
			await context.print({ format, spaces, segments, entries }, () =>
				[
					counted(entries, "entry", "entries"),
					...(segments === undefined ? [] : [counted(segments, "segment", "segments")]),
					counted(spaces, "space", "spaces"),
				].join(", "),
			);
		}, options.compress)
		.finally(() => bar.stop());
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
	{ spaces: chosen, renumber, durability }: ImportOptions,
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
		throw new StreamkitError("NOT_FOUND", message, { details: { space: missing } });
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
