import type { Context } from "./context.js";
import { Interrupted } from "./interrupt.js";
import type { OrderedWriter } from "./ordered-writer.js";
import type { Bar } from "./progress.js";
import { withStored } from "./stored.js";
import { counted } from "./terminal.js";

/** Stores all that is added to a writer, and says how much it was when that ends early. bar: stopped at the end. */
export async function storeAll(
	context: Context,
	writer: OrderedWriter,
	bar: Bar,
	add: () => Promise<void>,
): Promise<void> {
	try {
		await add();
		await writer.finish();
	} catch (error) {
		// The lines before the one at fault are stored; where one of them is refused, that is the error to report.
		await writer.finish();
		throw withStored(error, writer.stored, "entries");
	} finally {
		await writer.settled();
		bar.stop();
		if (context.signal.reason instanceof Interrupted) {
			await context.note(`stopped; ${counted(writer.stored, "entry is", "entries are")} stored`);
		}
	}
}
