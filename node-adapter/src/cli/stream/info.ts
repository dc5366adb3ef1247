import type { Command } from "commander";
import type { Context } from "../context.js";
import { streamAsObject, streamForPeople } from "./stream-format.js";

export function addInfo(stream: Command, context: Context): void {
	stream
		.command("info")
		.summary("print a stream's partitions, records, size and retention")
		.description("Prints a stream's partitions, records, size, first and last id and retention.")
		.argument("<stream>", "stream to look at")
		.addHelpText("after", "\nExample:\n  $ streamkit stream info events --json")
		.action((name: string) =>
			context.reading(async (store) => {
				const info = await store.streams.info(name, { signal: context.signal });
				const { namespace } = context;
				await context.print(streamAsObject(info, namespace), () => streamForPeople(info, namespace));
			}),
		);
}
