import { type Command, Option } from "commander";
import type { Store } from "streamkit";
import type { Context } from "../context.js";
import { entryAsJson } from "../entry-format.js";
import { knownSpaces } from "../known-spaces.js";
import { namespaceOption } from "../ns/namespace-option.js";
import { openSink } from "../output-file.js";
import { type Bar, progressBar } from "../progress.js";
import { size } from "../terminal.js";
import { FORMATS, type Format, spacesOption } from "../transfer-options.js";
import { usage } from "../usage.js";

interface Options {
	readonly spaces?: readonly string[];
	readonly format: Format;
	readonly force?: boolean;
}

export function addExport(program: Command, context: Context): void {
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
		.action((file: string | undefined, options: Options) => exportTo(context, file, options));
}

async function exportTo(context: Context, file: string | undefined, { spaces, format, force }: Options): Promise<void> {
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
