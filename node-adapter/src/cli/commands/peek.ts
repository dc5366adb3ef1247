import type { Command } from "commander";
import { type Store, StreamkitError } from "streamkit";
import type { Context } from "../context.js";
import { entryAsJson, entryForPeople } from "../entry-format.js";

export function addPeek(program: Command, context: Context): void {
	program
		.command("peek")
		.summary("print the latest entry")
		.description("Prints the latest entry of a segment, or of each segment of a space.")
		.argument("<space>", "space to look into")
		.argument("[segment]", "segment to look at")
		.addHelpText(
			"after",
			`
Examples:
  $ streamkit peek orders order-1
  $ streamkit peek orders --json`,
		)
		.action((space: string, segment: string | undefined) =>
			context.reading(async (store) => {
				if (segment !== undefined) {
					if (!(await printLatest(context, store, space, segment))) throw nothingIn(space, segment);
					return;
				}
				let found = false;
				for await (const name of store.getSegments(space, { signal: context.signal })) {
					found = (await printLatest(context, store, space, name)) || found;
				}
				if (!found) throw nothingIn(space);
			}),
		);
}

/** NOT_FOUND for a space or segment without entries. */
export function nothingIn(space: string, segment?: string): StreamkitError {
	const what = segment === undefined ? `space "${space}"` : `segment "${segment}" of space "${space}"`;
	return new StreamkitError("NOT_FOUND", `there is nothing in ${what}`, { details: { space, segment } });
}

async function printLatest(context: Context, store: Store, space: string, segment: string): Promise<boolean> {
	const entry = await store.peek(space, segment, { signal: context.signal });
	if (entry.sequence === 0) return false;
	const line = context.json ? entryAsJson(entry, entry.segmentOffset()) : entryForPeople(entry, context.colors);
	await context.out.write(`${line}\n`);
	return true;
}
