import type { Command } from "commander";
import type { SegmentStatus } from "streamkit";
import type { Context } from "../context.js";
import { count, printable, table, time } from "../terminal.js";
import { nothingIn } from "./peek.js";

// Rows of the table that are lined up together.
const PAGE = 500;

export function addStatus(program: Command, context: Context): void {
	program
		.command("status")
		.summary("print first and last position of segments")
		.description("Prints the first and last sequence and time of a segment, or of each segment of a space.")
		.argument("<space>", "space to look into")
		.argument("[segment]", "segment to look at")
		.addHelpText(
			"after",
			`
Examples:
  $ streamkit status orders
  $ streamkit status orders order-1 --json`,
		)
		.action((space: string, segment: string | undefined) =>
			context.reading(async (store) => {
				const { signal } = context;
				if (segment !== undefined) {
					const status = await store.getSegmentStatus(space, segment, { signal });
					if (status === undefined) throw nothingIn(space, segment);
					await print(context, [status], true);
					return;
				}
				let page: SegmentStatus[] = [];
				let printed = 0;
				for await (const name of store.getSegments(space, { signal })) {
					const status = await store.getSegmentStatus(space, name, { signal });
					if (status === undefined) continue;
					page.push(status);
					if (page.length < PAGE) continue;
					await print(context, page, printed === 0);
					printed += page.length;
					page = [];
				}
				if (printed + page.length === 0) throw nothingIn(space);
				await print(context, page, printed === 0);
			}),
		);
}

async function print(context: Context, statuses: readonly SegmentStatus[], headings: boolean): Promise<void> {
	if (statuses.length === 0) return;
	if (context.json) {
		await context.out.write(statuses.map((status) => `${JSON.stringify(status)}\n`).join(""));
		return;
	}
	const rows = statuses.map(({ segment, firstSequence, lastSequence, firstTimestamp, lastTimestamp }) => [
		printable(segment),
		count(firstSequence),
		count(lastSequence),
		time(firstTimestamp),
		time(lastTimestamp),
	]);
	const text = table(["SEGMENT", "FIRST", "LAST", "FIRST TIME", "LAST TIME"], rows);
	await context.out.write(headings ? text : text.slice(text.indexOf("\n") + 1));
}
