// Copies what a store holds into Workers KV, range by range.
//
// The copy is a store of its own, on workersKvHost. A range is what was appended to one space since the last one, up
// to a few megabytes and a hundred segments; it becomes one commit of the copy. In every segment the copy's entries
// have the sequences that they have here. Entries of one range stand segment by segment; the id that an entry has here
// goes along as metadata.
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
/**
 * Segments of all ranges of one run. Workers KV takes 1,000 operations of an invocation: a segment that is new to the
 * copy costs five, and one more in the range after it.
 */
const RUN_SEGMENTS = 100;
/** Where the space stands that the last run ended with, had it more to do. No checkpoint has this name. */
const LAST_SPACE = "published";

/** What a run did. */
interface Published {
	readonly published: number;
	/** Whether there may be more. */
	readonly more: boolean;
}

/** A run that is under way. */
class Run {
	published = 0;
	ranges = 0;
	segments = 0;
	readonly failures: unknown[] = [];

	get full(): boolean {
		return this.ranges >= RUN_RANGES || this.segments >= RUN_SEGMENTS;
	}
}

/** Before the names of all keys of the copy of a store. */
export const copyPrefix = (store: string): string => `${store}/`;

export class Publisher {
	readonly #storage: DurableObjectStorage;
	readonly #kv: KVNamespace;
	readonly #store: string;
	#copy: Promise<Store> | undefined;
	#running: Promise<Published> | undefined;

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

	/**
	 * Publishes what is there. A call that finds a run under way shares it, and is told that there may be more: what was
	 * appended meanwhile may be in a space that the run is done with. A second run right after it would have what the
	 * first one left of an invocation's operations.
	 */
	async run(source: Store): Promise<Published> {
		if (this.#running !== undefined) return { ...(await this.#running), more: true };
		this.#running = this.#run(source).finally(() => {
			this.#running = undefined;
		});
		return this.#running;
	}

	/** @throws what the first space that failed threw; the others were published all the same. */
	async #run(source: Store): Promise<Published> {
		const copy = await this.#open(source);
		const run = new Run();
		const more = await this.#publishAll(source, copy, run);
		if (run.failures.length > 0) throw run.failures[0];
		return { published: run.published, more };
	}

	/**
	 * One range of every space in turn: a space that is never done keeps no other one waiting, nor does one that fails.
	 * Gives whether there may be more.
	 */
	async #publishAll(source: Store, copy: Store, run: Run): Promise<boolean> {
		let waiting = await this.#spaces(source);
		while (waiting.length > 0) {
			const goOn: string[] = [];
			for (const space of waiting) {
				if (run.full) return true;
				try {
					if (await this.#publishRange(source, copy, space, run)) goOn.push(space);
				} catch (error) {
					run.failures.push(error);
				}
				if (run.full) await this.#storage.put(LAST_SPACE, space);
			}
			waiting = goOn;
		}
		return false;
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

	/** One range of a space; gives whether there was anything. */
	async #publishRange(source: Store, copy: Store, space: string, run: Run): Promise<boolean> {
		const checkpoint = `published/${space}`;
		let offset = (await this.#storage.get<string>(checkpoint)) ?? "";
		const bySegment = new Map<string, Entry[]>();
		let bytes = 0;
		let count = 0;
		for await (const entry of source.consumeSpace({ space, offset, limit: RANGE_ENTRIES })) {
			bytes += entry.payload.length + JSON.stringify(entry.metadata).length;
			// The first one always goes along, so that a range moves on.
			if (count > 0 && bytes > RANGE_BYTES) break;
			const entries = bySegment.get(entry.segment);
			if (entries === undefined && run.segments + bySegment.size === RUN_SEGMENTS) break;
			count++;
			offset = entry.spaceOffset().toHex();
			if (entries === undefined) bySegment.set(entry.segment, [entry]);
			else entries.push(entry);
		}
		if (count === 0) return false;
		// Counted whatever becomes of it: what fails has cost as much.
		run.ranges++;
		run.segments += bySegment.size;

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
		run.published += count;
		return true;
	}
}
