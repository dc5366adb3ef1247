import type { Entry } from "streamkit";
import type { Context } from "./context.js";

type Pages = AsyncIterable<readonly Entry[]> | Iterable<readonly Entry[]>;

/** Prints entries page by page, each as one line, waiting for whoever reads them. Answers how many there were. */
export async function printEntries({ out }: Context, pages: Pages, line: (entry: Entry) => string): Promise<number> {
	let printed = 0;
	for await (const page of pages) {
		let text = "";
		for (const entry of page) {
			text += `${line(entry)}\n`;
			if (text.length >= 1 << 16) {
				await out.write(text);
				text = "";
			}
		}
		await out.write(text);
		printed += page.length;
	}
	return printed;
}
