import { isStreamkitError, memoryHost, openStore, type Store } from "streamkit";
import { SPACE } from "./log.js";

const TYPE = "application/octet-stream";

/** A file that cannot be taken in, with what to tell the user. */
export class Unfit extends Error {}

/** The whole log as a file, in the form that any Streamkit store imports. */
export async function exportLog(store: Store): Promise<File> {
	if (await isEmpty(store)) throw new Unfit("There are no notes yet.");
	const parts: Uint8Array<ArrayBuffer>[] = [];
	for await (const part of store.export({ spaces: [SPACE] })) parts.push(part);
	return new File(parts, `field-log-${localDay(new Date())}.streamkit`, { type: TYPE });
}

/** Takes in a file, as a whole or not at all. Gives the number of notes. */
export async function importLog(store: Store, file: File): Promise<number> {
	if (!(await isEmpty(store))) {
		throw new Unfit("This log has notes already, and a file can only go into an empty one. Nothing was changed.");
	}
	await rehearse(file);
	try {
		const { entries } = await store.import(chunks(file));
		return entries;
	} catch (error) {
		if (!isStreamkitError(error, "CONFLICT")) throw error;
		throw new Unfit(
			"Another tab wrote to this log, or imports into it, so this file was not taken in. What that tab stores is shown here as well. If it stores nothing, import the file again.",
			{ cause: error },
		);
	}
}

async function isEmpty(store: Store): Promise<boolean> {
	for await (const _ of store.getSegments(SPACE, { limit: 1 })) return false;
	return true;
}

/** Tries the whole file in memory first: what is damaged at its very end is found before anything is stored. */
async function rehearse(file: File): Promise<void> {
	const trial = await openStore(memoryHost());
	try {
		await trial.import(chunks(file));
		for await (const space of trial.getSpaces()) {
			if (space !== SPACE) throw new Unfit("This file holds other data than a field log. Nothing was changed.");
		}
	} catch (error) {
		if (isStreamkitError(error, "CORRUPT") || isStreamkitError(error, "INVALID_ARGUMENT")) {
			throw new Unfit("This file is no exported log, or it is damaged. Nothing was changed.", { cause: error });
		}
		throw error;
	} finally {
		await trial.close();
	}
}

async function* chunks(file: File): AsyncGenerator<Uint8Array> {
	const size = 1 << 20;
	for (let start = 0; start < file.size; start += size) {
		yield new Uint8Array(await file.slice(start, start + size).arrayBuffer());
	}
}

function localDay(date: Date): string {
	const two = (value: number): string => String(value).padStart(2, "0");
	return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
