import { type Command, Option } from "commander";
import type { Durability } from "streamkit";
import type { Context } from "../context.js";
import { textAt, valueAt } from "../field.js";
import { openInput } from "../input.js";
import { compareMoments, type Moment, parseMoment } from "../moment.js";
import { type Line, readLines } from "../ndjson.js";
import { OrderedWriter, type Write } from "../ordered-writer.js";
import { progressBar } from "../progress.js";
import { storeAll } from "../storing.js";
import { count, counted, size } from "../terminal.js";
import { usage } from "../usage.js";
import { asRecord, compressOption, durabilityOption, metadataOption, names, ZONE_HELP } from "../values.js";

interface Options {
	readonly file?: string;
	readonly segmentBy?: string;
	readonly payloadBy?: string;
	readonly metadataBy?: readonly string[];
	readonly metadata?: ReadonlyMap<string, string>;
	readonly timeBy?: string;
	readonly anyOrder?: boolean;
	readonly compress?: boolean;
	readonly durability: Durability;
}

export function addProduce(program: Command, context: Context): void {
	program
		.command("produce")
		.summary("append the lines of NDJSON")
		.description(
			"Appends each line of NDJSON as an entry, in the order of the input, also across segments. " +
				"Creates the store where it is missing. A FIELD may be a path such as properties.net.",
		)
		.argument("<space>", "space to append to")
		.argument("[segment]", "segment to append to; or --segment-by")
		.option("-f, --file <path>", "read from a file; - or left out: from standard input")
		.option("--segment-by <field>", "the field that names the segment: text, or a number as it is written")
		.option(
			"--payload-by <field>",
			"the field that is the payload: text as it is, all else as it is written (default: the whole line)",
		)
		.addOption(
			new Option(
				"--metadata-by <fields>",
				"fields to keep as metadata, separated by commas; NAME=FIELD to rename; can be repeated",
			).argParser(names("--metadata-by")),
		)
		.addOption(metadataOption())
		.option(
			"--time-by <field>",
			'order the input by this field (a number or ISO 8601) and keep it as metadata "time"; ' +
				`${ZONE_HELP}; holds the whole input in memory`,
		)
		.option("--any-order", "keep the order within each segment only: faster, and smaller on the disk")
		.addOption(compressOption())
		.addOption(durabilityOption())
		.addHelpText(
			"after",
			`
When a line is refused, the lines before it are stored, and the error names it
and says how many entries were stored.
Memory stays small however long the input is; only --time-by needs all of it,
and then a line that is refused for its form leaves nothing stored. With --any-order
some of the lines around the one that is refused may be missing or stored.

Examples:
  $ streamkit produce logs web-1 < app.ndjson
  $ streamkit produce quakes --file week.ndjson --segment-by properties.net \\
      --metadata-by magnitude=properties.mag,place=properties.place --time-by properties.time
  $ tail -f app.ndjson | streamkit produce logs --segment-by host`,
		)
		.action((space: string, segment: string | undefined, options: Options) =>
			produce(context, space, segment, options),
		);
}

async function produce(context: Context, space: string, segment: string | undefined, options: Options): Promise<void> {
	if ((segment === undefined) === (options.segmentBy === undefined)) {
		throw usage("segment", "give either a segment or --segment-by");
	}
	if (options.anyOrder === true && options.timeBy !== undefined) {
		throw usage("--any-order", "must not be given together with --time-by");
	}
	for (const [option, field] of [
		["--segment-by", options.segmentBy],
		["--payload-by", options.payloadBy],
		["--time-by", options.timeBy],
	] as const) {
		if (field === "") throw usage(option, "must be the name of a field");
	}
	const toWrite = mapping(space, segment, options);
	const input = await openInput(options.file, "--file", context.signal);
	await context.writing(async (store) => {
		const writer = new OrderedWriter(store, {
			signal: context.signal,
			durability: options.durability,
			grouped: options.anyOrder,
		});
		const bar = progressBar(context.err, context.json || !input.isFile, "producing", input.size, "bytes");
		const start = performance.now();
		let bytes = 0;
		await storeAll(context, writer, bar, async () => {
			const lines = readLines(input.stream);
			for await (const batch of options.timeBy === undefined ? lines : inTimeOrder(lines, options.timeBy)) {
				for (const line of batch) {
					if (writer.add(toWrite(line))) await writer.flush();
					bytes = Math.max(bytes, line.end);
					bar.update(line.end);
				}
				// A slow input is stored as it comes.
				if (!input.isFile) await writer.flush();
			}
		});
		const milliseconds = Math.max(1, Math.round(performance.now() - start));
		const { stored: entries, segments } = writer;
		const perSecond = Math.round((entries / milliseconds) * 1000);
		await context.print({ space, entries, segments, bytes, milliseconds, perSecond }, () => {
			const where = segments === undefined ? "" : ` in ${counted(segments, "segment", "segments")}`;
			const rate = `${count(perSecond)} entries/s, ${size((bytes / milliseconds) * 1000)}/s`;
			return `${counted(entries, "entry", "entries")}${where}, ${size(bytes)} in ${(milliseconds / 1000).toFixed(2)} s (${rate})`;
		});
	}, options.compress);
}

/** How a line becomes a record. */
function mapping(space: string, segment: string | undefined, options: Options): (line: Line) => Write {
	const { segmentBy, payloadBy, timeBy, metadata = new Map<string, string>() } = options;
	const fields = (options.metadataBy ?? []).map((text): [string, string] => {
		const at = text.indexOf("=");
		return at < 0 ? [text, text] : [text.slice(0, at), text.slice(at + 1)];
	});
	if (fields.some(([name, field]) => name === "" || field === "")) {
		throw usage("--metadata-by", "must be FIELD or NAME=FIELD");
	}
	const seen = new Set(metadata.keys());
	for (const name of [...fields.map(([name]) => name), ...(timeBy === undefined ? [] : ["time"])]) {
		if (seen.has(name)) throw usage("--metadata-by", `metadata "${name}" would have two values`);
		seen.add(name);
	}
	return (line) => {
		const pairs = [...metadata];
		for (const [name, field] of fields) {
			const text = valueAt(line.value, field) === null ? undefined : textAt(line, field);
			if (text !== undefined) pairs.push([name, text]);
		}
		if (timeBy !== undefined) pairs.push(["time", required(line, "--time-by", timeBy)]);
		const payload = payloadBy === undefined ? line.text : required(line, "--payload-by", payloadBy);
		return {
			space,
			segment: segment ?? nameAt(line, segmentBy as string),
			record: { payload, metadata: pairs.length === 0 ? undefined : asRecord(pairs) },
			line: line.number,
			bytes: payload.length + 64,
		};
	};
}

function required(line: Line, option: string, field: string): string {
	const text = textAt(line, field);
	if (text !== undefined) return text;
	throw usage(option, `line ${line.number} has no field "${field}"`, { line: line.number, field });
}

function nameAt(line: Line, field: string): string {
	const name = required(line, "--segment-by", field);
	if (["string", "number"].includes(typeof valueAt(line.value, field))) return name;
	throw usage("--segment-by", `line ${line.number}: "${field}" is no text or number`, { line: line.number, field });
}

async function* inTimeOrder(batches: AsyncIterable<Line[]>, field: string): AsyncGenerator<Line[], void, void> {
	const all: { line: Line; at: Moment }[] = [];
	for await (const batch of batches) {
		for (const line of batch) all.push({ line, at: timeAt(line, field) });
	}
	// Stable: lines of one time stay as they came.
	all.sort((a, b) => compareMoments(a.at, b.at));
	for (let from = 0; from < all.length; from += 1024) yield all.slice(from, from + 1024).map(({ line }) => line);
}

function timeAt(line: Line, field: string): Moment {
	const text = required(line, "--time-by", field);
	const isTime = ["string", "number"].includes(typeof valueAt(line.value, field));
	const at = isTime ? parseMoment(text) : undefined;
	if (at !== undefined) return at;
	throw usage("--time-by", `line ${line.number}: "${field}" is no number and no ISO 8601 time`, {
		line: line.number,
		field,
	});
}
