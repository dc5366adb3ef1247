// Copies what a store holds into Workers KV, range by range.
//
// The copy is a store of its own, on workersKvHost. A range is what was appended to one space since the last one, up
// to a few megabytes; it becomes one commit of the copy. In every segment the copy's entries have the sequences that
// they have here. Entries of one range stand segment by segment; the id that an entry has here goes along as metadata.
//
// Why nothing is lost: a range begins after the checkpoint, and the checkpoint moves only after the range is
// committed. An object that ends in between leaves an alarm behind, and one that fails sets the next; a run begins at
// the last checkpoint. A space read that is resumed from an offset gives every entry committed later, so the
// checkpoint never passes over one.
//
// Why nothing is doubled: after an end in between, the checkpoint lags behind the copy. So entries whose sequence the
// copy has are left out, and each of the others carries the sequence it must get. The engine commits a range only if
// all of these are the next ones, so a range that is there already, or that would leave a gap, is refused as a whole.
//
// Why what the copy is asked is true: Workers KV may answer what was there minutes ago. The journal keeps in this
// object's own storage what was written to the copy, before it is written there, so a publisher that starts anew,
// wherever that is, knows the copy's state for certain, and first finishes what the last one may have left unfinished.
// And as one object is one thread, with its storage taken from it before another instance gets it, there is never a
// second publisher.

import { type Entry, openStore, type RecordInput, type Store } from "streamkit";
import { durableObjectHost, workersKvHost } from "streamkit/cloudflare";
import { ORIGIN } from "./http.js";

/** What one range holds at most. */
const RANGE_ENTRIES = 4000;
const RANGE_BYTES = 2 << 20;
/** What one run publishes at most: a space takes one commit a second. */
const RUN_RANGES = 20;
/** Where the space stands that the last run ended with, had it more to do. No checkpoint has this name. */
const LAST_SPACE = "published";

/** Before the names of all keys of the copy of a store. */
export const copyPrefix = (store: string): string => `${store}/`;

export class Publisher {
	readonly #storage: DurableObjectStorage;
	readonly #kv: KVNamespace;
	readonly #store: string;
	#copy: Promise<Store> | undefined;
	#running: Promise<{ published: number; more: boolean }> | undefined;

	constructor(storage: DurableObjectStorage, kv: KVNamespace, store: string) {
		this.#storage = storage;
		this.#kv = kv;
		this.#store = store;
	}

	#open(source: Store): Promise<Store> {
		const host = workersKvHost(this.#kv, {
			prefix: copyPrefix(this.#store),
			journal: durableObjectHost(this.#storage, { name: "journal" }),
		});
		// With the id of its source: the copy of another store is refused.
		this.#copy ??= openStore(host, { storeId: source.id }).catch((error: unknown) => {
			this.#copy = undefined;
			throw error;
		});
		return this.#copy;
	}

	/** Publishes what is there, and says how much that was and whether there is more. Calls at once share a run. */
	run(source: Store): Promise<{ published: number; more: boolean }> {
		this.#running ??= this.#run(source).finally(() => {
			this.#running = undefined;
		});
		return this.#running;
	}

	/** One range of every space in turn: a space that is never done keeps no other one waiting. */
	async #run(source: Store): Promise<{ published: number; more: boolean }> {
		const copy = await this.#open(source);
		let published = 0;
		let ranges = 0;
		let waiting = await this.#spaces(source);
		while (waiting.length > 0) {
			const goOn: string[] = [];
			for (const space of waiting) {
				if (ranges === RUN_RANGES) return { published, more: true };
				const count = await this.#publishRange(source, copy, space);
				if (count === 0) continue;
				published += count;
				ranges++;
				goOn.push(space);
				if (ranges === RUN_RANGES) await this.#storage.put(LAST_SPACE, space);
			}
			waiting = goOn;
		}
		return { published, more: false };
	}

	/** All spaces, beginning after the one that the last full run ended with. */
	async #spaces(source: Store): Promise<string[]> {
		const last = (await this.#storage.get<string>(LAST_SPACE)) ?? "";
		const [before, after]: [string[], string[]] = [[], []];
		let passed = false;
		for await (const space of source.getSpaces()) {
			(passed ? after : before).push(space);
			passed ||= space === last;
		}
		return passed ? [...after, ...before] : before;
	}

	/** One range of a space; gives how many entries it has. */
	async #publishRange(source: Store, copy: Store, space: string): Promise<number> {
		const checkpoint = `published/${space}`;
		let offset = (await this.#storage.get<string>(checkpoint)) ?? "";
		const bySegment = new Map<string, Entry[]>();
		let bytes = 0;
		let count = 0;
		for await (const entry of source.consumeSpace({ space, offset, limit: RANGE_ENTRIES })) {
			bytes += entry.payload.length + JSON.stringify(entry.metadata).length;
			// The first one always goes along, so that a range moves on.
			if (count > 0 && bytes > RANGE_BYTES) break;
			count++;
			offset = entry.spaceOffset().toHex();
			const entries = bySegment.get(entry.segment);
			if (entries === undefined) bySegment.set(entry.segment, [entry]);
			else entries.push(entry);
		}
		if (count === 0) return 0;

		const writes: { space: string; segment: string; records: RecordInput[] }[] = [];
		for (const [segment, entries] of bySegment) {
			const has = (await copy.getSegmentStatus(space, segment))?.lastSequence ?? 0;
			const records = entries
				.filter((entry) => entry.sequence > has)
				.map(({ sequence, payload, metadata, id }) => ({ sequence, payload, metadata: { ...metadata, [ORIGIN]: id } }));
			if (records.length > 0) writes.push({ space, segment, records });
		}
		if (writes.length > 0) await copy.transact(writes);
		await this.#storage.put(checkpoint, offset);
		return count;
	}
}
