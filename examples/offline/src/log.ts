import { isStreamkitError, openStore, type StatusHandler, type Store, type SubscribeOptions } from "streamkit";
import { indexedDbHost } from "streamkit/indexeddb";
import { decodeNote, encodeNote, type Note } from "./note.js";

/** The log is one space: one timeline. Each place is a segment of it, with numbers of its own. */
export const SPACE = "field-log";

/** Opens the log of this browser; any number of tabs may have it open. */
export async function openLog(): Promise<Store> {
	return openStore(await indexedDbHost("field-log"));
}

/** What is about to be stored. Its id lasts until it is stored, so that trying again stores nothing twice. */
export interface Draft {
	readonly place: string;
	readonly text: string;
	readonly seen: number | undefined;
	readonly written: number;
	readonly trx: string;
}

export async function addNote(store: Store, draft: Draft): Promise<void> {
	const { payload, metadata } = encodeNote(draft);
	await store.publish(SPACE, draft.place, payload, { metadata, trx: { id: draft.trx } });
}

export function watchPlaces(store: Store, handler: StatusHandler, options: SubscribeOptions): Promise<unknown> {
	return store.subscribeToSpace(SPACE, handler, options);
}

export interface Reader {
	/** Notes, oldest first. */
	readonly notes: (notes: readonly Note[]) => void;
	/** All that was stored before is read: what comes now is new. */
	readonly live: () => void;
	/** Reading failed; it is tried again by itself where that can help. */
	readonly failed: (error: unknown, again: boolean) => void;
	/** Reading works again. */
	readonly recovered: () => void;
}

/** Reads the log from its beginning, and goes on as notes are stored, by this tab or another. */
export async function followLog(store: Store, reader: Reader): Promise<void> {
	let offset = "";
	let follow = false;
	let failed = false;
	for (;;) {
		try {
			for await (const page of store.consumeSpace({ space: SPACE, offset, follow }).pages()) {
				reader.notes(page.map(decodeNote));
				// Whatever happens next, reading goes on exactly here.
				offset = page.at(-1)?.spaceOffset().toHex() ?? offset;
			}
			if (failed) reader.recovered();
			failed = false;
			if (!follow) reader.live();
			follow = true;
		} catch (error) {
			const again = isStreamkitError(error) && error.retryable;
			reader.failed(error, again);
			if (!again) return;
			failed = true;
			// Read up to the end first, to know that it works again.
			follow = false;
			await new Promise((resolve) => setTimeout(resolve, 2000));
		}
	}
}
