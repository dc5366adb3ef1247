import { Yielder } from "../common/yielder.js";
import type { EngineSlot } from "../engine/slot.js";
import type { PageEntry } from "../framing/page.js";
import { PAGE_BYTES, PAGE_ENTRIES, PageReader, type PageSource, type ReadPlan } from "./page-reader.js";

/** One space of a merged read: its reader, and what of its last page is not given out yet. */
class Lane {
	readonly reader: PageReader;
	/** The rank of the space's name. */
	readonly rank: number;
	#rest: Iterator<PageEntry, unknown> | undefined;
	#next: PageEntry | undefined;
	/** Whether its space may have changed since its last page was read. */
	#changed = false;
	#waits = false;
	#told!: (error: unknown) => void;

	constructor(reader: PageReader, rank: number) {
		this.reader = reader;
		this.rank = rank;
	}

	/** The next entry of one that is not empty. */
	get head(): PageEntry {
		return this.#next as PageEntry;
	}

	get empty(): boolean {
		return this.#next === undefined;
	}

	/** Whether there may be something to read. */
	get due(): boolean {
		return this.empty && !this.reader.ended && (this.#changed || !this.reader.tail);
	}

	async fill(maxEntries: number): Promise<void> {
		this.#changed = false;
		const page = await this.reader.poll(maxEntries);
		this.#rest = page?.[Symbol.iterator]();
		this.advance();
	}

	/** Tells whoever asked last when its space may have changed, or what the wait for that came to. */
	listen(told: (error: unknown) => void): void {
		this.#told = told;
		if (this.#waits || this.reader.ended) return;
		this.#waits = true;
		const ended = (error: unknown): void => {
			this.#waits = false;
			this.#changed = true;
			this.#told(error);
		};
		this.reader.wait().then(ended, ended);
	}

	advance(): void {
		const step = this.#rest?.next();
		this.#next = step === undefined || step.done === true ? undefined : step.value;
	}
}

function before(a: Lane, b: Lane): boolean {
	const x = a.head;
	const y = b.head;
	if (x.timestamp !== y.timestamp) return x.timestamp < y.timestamp;
	if (x.n !== y.n) return x.n < y.n;
	return a.rank < b.rank;
}

function noop(): void {}

/** Moves the lane at the top of the heap down to where it belongs. */
function sink(heap: Lane[], from: number): void {
	const lane = heap[from] as Lane;
	let at = from;
	for (;;) {
		let child = 2 * at + 1;
		if (child >= heap.length) break;
		if (child + 1 < heap.length && before(heap[child + 1] as Lane, heap[child] as Lane)) child++;
		if (!before(heap[child] as Lane, lane)) break;
		heap[at] = heap[child] as Lane;
		at = child;
	}
	heap[at] = lane;
}

/** How a merged read is bounded. */
export interface MergePlan {
	readonly limit: number;
	readonly follow: boolean;
	readonly signal: AbortSignal | undefined;
}

/** Merges spaces by (timestamp, n, space). A space that has nothing more for now does not hold up the others. */
export class MergeReader implements PageSource {
	readonly #slot: EngineSlot;
	readonly #plan: MergePlan;
	readonly #lanes: readonly Lane[];
	readonly signal: AbortSignal | undefined;
	readonly #pageEntries: number;
	#left: number;
	readonly #yielder = new Yielder();
	#closed = false;

	/** plans: one per space, in the order of their names. */
	constructor(slot: EngineSlot, plan: MergePlan, plans: readonly Omit<ReadPlan, "maxBytes">[]) {
		this.#slot = slot;
		this.#plan = plan;
		this.signal = plan.signal;
		this.#left = plan.limit === 0 ? Number.POSITIVE_INFINITY : plan.limit;
		// Every space holds a page at a time: together they should stay near what one read would hold.
		const share = Math.max(1, plans.length);
		this.#pageEntries = Math.max(64, Math.floor(PAGE_ENTRIES / share));
		const maxBytes = Math.max(1 << 16, Math.floor((4 * PAGE_BYTES) / share));
		this.#lanes = plans.map(
			(one, rank) =>
				new Lane(new PageReader(slot, { ...one, maxBytes: Math.min(maxBytes, PAGE_BYTES), beside: true }), rank),
		);
	}

	async next(maxEntries: number): Promise<readonly PageEntry[] | undefined> {
		try {
			return await this.#next(maxEntries);
		} catch (error) {
			if (this.#closed) return undefined;
			this.#closed = true;
			throw error;
		}
	}

	async #next(maxEntries: number): Promise<readonly PageEntry[] | undefined> {
		const { follow, signal } = this.#plan;
		for (;;) {
			if (this.#closed || this.#left <= 0 || this.#lanes.length === 0) return undefined;
			if (signal?.aborted === true) throw signal.reason;
			const due = this.#lanes.filter((lane) => lane.due);
			// Those that have nothing more are heard of while others are read, which may never come to their end.
			if (follow && due.length > 0) for (const lane of this.#lanes) if (lane.empty && !lane.due) lane.listen(noop);
			await Promise.all(due.map((lane) => lane.fill(Math.min(this.#pageEntries, this.#left))));
			const entries = this.#merge(Math.min(maxEntries, this.#left));
			if (entries.length > 0) {
				this.#left -= entries.length;
				return entries;
			}
			if (this.#lanes.some((lane) => lane.due)) continue;
			if (!follow || this.#lanes.every((lane) => lane.reader.ended)) return undefined;
			await new Promise<void>((resolve, reject) => {
				const told = (error: unknown): void => (error === undefined ? resolve() : reject(error));
				for (const lane of this.#lanes) lane.listen(told);
			});
			// Where it is time to look, it is for all of them. A timer would be late in a tab that is hidden.
			if (!this.#slot.hostWaits) await this.#yielder.next();
		}
	}

	#merge(max: number): PageEntry[] {
		const heap = this.#lanes.filter((lane) => !lane.empty);
		for (let i = (heap.length >> 1) - 1; i >= 0; i--) sink(heap, i);
		const entries: PageEntry[] = [];
		while (entries.length < max) {
			const lane = heap[0];
			if (lane === undefined) break;
			entries.push(lane.head);
			lane.advance();
			if (!lane.empty) {
				sink(heap, 0);
				continue;
			}
			// Its next entry may come before those of the others.
			if (!lane.reader.ended && !lane.reader.tail) break;
			const last = heap.pop() as Lane;
			if (last !== lane) {
				heap[0] = last;
				sink(heap, 0);
			}
		}
		return entries;
	}

	close(): void {
		this.#closed = true;
		for (const lane of this.#lanes) lane.reader.close();
	}
}
