import type { Command } from "commander";
import type { Context } from "../context.js";
import { count, printable, size, table } from "../terminal.js";
import { integer } from "../values.js";
import { streamAsObject } from "./stream-format.js";

interface Options {
	readonly prefix?: string;
	readonly after?: string;
	readonly limit?: number;
}

export function addList(stream: Command, context: Context): void {
	stream
		.command("ls")
		.alias("list")
		.summary("list the streams")
		.description("Lists the streams of the namespace, in byte order.")
		.option("-p, --prefix <text>", "only names that begin with this")
		.option("-a, --after <name>", "only names after this one")
		.option("-l, --limit <count>", "at most so many; 0: all (default: 0)", integer("--limit"))
		.addHelpText("after", "\nExample:\n  $ streamkit stream ls --limit 50 --json")
		.action(({ prefix, after, limit }: Options) =>
			context.reading(async (store) => {
				const { namespace, signal } = context;
				const streams = await store.streams.list({ prefix, after, limit: limit === 0 ? undefined : limit, signal });
				if (context.json) {
					for (const info of streams) await context.print(streamAsObject(info, namespace), String);
				} else if (streams.length === 0) {
					await context.note(`No streams found in namespace '${namespace}'`);
				} else {
					const rows = streams.map((info) => [
						printable(info.name),
						count(info.partitions),
						count(info.count),
						size(info.bytes),
					]);
					await context.out.write(table(["NAME", "PARTITIONS", "RECORDS", "SIZE"], rows));
				}
			}),
		);
}
