import type { Command } from "commander";
import type { Context } from "../context.js";
import { printable } from "../terminal.js";
import { limitOption, shortLimitOption } from "../values.js";

interface Options {
	readonly prefix?: string;
	readonly after?: string;
	readonly limit?: number;
}

function listing(command: Command): Command {
	return command
		.option("-p, --prefix <text>", "only names that begin with this")
		.option("-a, --after <name>", "only names after this one")
		.addOption(limitOption())
		.addOption(shortLimitOption());
}

function asked({ prefix, after, limit }: Options, signal: AbortSignal) {
	return { prefix, after, limit: limit === 0 ? undefined : limit, signal };
}

export function addList(program: Command, context: Context): void {
	listing(
		program.command("spaces").summary("list the spaces").description("Lists the spaces of the store, in byte order."),
	)
		.addHelpText("after", "\nExample:\n  $ streamkit spaces --prefix order")
		.action((options: Options) =>
			context.reading((store) => {
				const spaces = store.getSpaces(asked(options, context.signal));
				return print(context, spaces, (space) => ({ space }), "No spaces");
			}),
		);
	listing(
		program
			.command("segments")
			.summary("list the segments of a space")
			.description("Lists the segments of a space, in byte order."),
	)
		.argument("<space>", "space to list")
		.addHelpText("after", "\nExample:\n  $ streamkit segments orders --after order-10 --limit 20")
		.action((space: string, options: Options) =>
			context.reading((store) => {
				const segments = store.getSegments(space, asked(options, context.signal));
				return print(context, segments, (segment) => ({ space, segment }), "No segments");
			}),
		);
}

/** Prints names, one to a line. none: the remark where there is none. */
async function print(
	context: Context,
	names: AsyncIterable<string>,
	asObject: (name: string) => object,
	none: string,
): Promise<void> {
	let printed = 0;
	for await (const name of names) {
		await context.print(asObject(name), () => printable(name));
		printed += 1;
	}
	if (printed === 0) await context.note(none);
}
