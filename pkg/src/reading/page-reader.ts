import { unlessAborted } from "../common/abort.js";
import { Yielder } from "../common/yielder.js";
import type { Engine, PageBytes } from "../engine/abi.js";
import type { EngineSlot } from "../engine/slot.js";
import { type Cursor, type PageEntry, readPage } from "../framing/page.js";
import { broken } from "../framing/reader.js";

/**
 * The most entries and bytes that one page asks for; but see LONG_PAGE_BYTES. A page, or the row of the host that it
 * refers to, stays in memory while any payload in it is kept.
 */
export const PAGE_ENTRIES = 16_384;
export const PAGE_BYTES = 1 << 20;

// A host that takes its time takes some of it for each page, however little that holds: where its rows are as large as
// a page, those of a long read hold several. Not elsewhere: a host far away has a deadline for what it is asked for at
// once.
const LONG_PAGE_ROWS = 4;
const LONG_PAGE_BYTES = LONG_PAGE_ROWS * PAGE_BYTES;

/** From pages of so many entries on, a read is a long one. */
const LONG_READ_ENTRIES = 4096;

// Who looks at the first few entries only, and does not say how many, should not pay for a whole page.
const FIRST_PAGE_ENTRIES = 256;

/** One page from a cursor. */
export type ReadCall = (engine: Engine, cursor: Cursor, maxEntries: number, maxBytes: number) => Promise<PageBytes>;

const isSame = (one: Cursor, other: Cursor): boolean => one[0] === other[0] && one[1] === other[1];

/** A page that was asked for. */
interface PageRequest {
	readonly most: number;
	/** Taken before the read: what is committed between the two ends the next wait at once. */
	readonly epoch: number;
	readonly bytes: Promise<PageBytes>;
}

/** Gives pages until the read is over. */
export interface PageSource {
	readonly signal: AbortSignal | undefined;
	/** The next entries, never none; undefined at the end. They are gone through once. */
	next(maxEntries: number): Promise<Iterable<PageEntry> | undefined>;
	/** Ends the read, and a wait that is under way. */
	close(): void;
}

/** How far and how long to read. */
export interface ReadPlan {
	readonly space: string;
	/** It is read as a stream, which only the full engine can. */
	readonly stream?: boolean;
	readonly read: ReadCall;
	/** Told of the last entry of every page that has any. */
	readonly passed?: (entry: PageEntry) => void;
	/** Where the read begins. */
	readonly from: Cursor;
	/** Most entries; 0: no cap. */
	readonly limit: number;
	readonly follow: boolean;
	readonly signal: AbortSignal | undefined;
	/** Bytes of a page. */
	readonly maxBytes: number;
	/** Others are read at the same time: no page is longer than that. */
	readonly beside?: boolean;
}

/** Reads one segment or one space page by page. */
export class PageReader implements PageSource {
	readonly #slot: EngineSlot;
	readonly #plan: ReadPlan;
	readonly signal: AbortSignal | undefined;
	/** Where the next page begins. */
	#next: Cursor;
	/** Entries that are still wanted. */
	#left: number;
	/** Entries that the next page asks for: pages grow. */
	#size: number;
	#closed = false;
	#waiting = 0;
	#epoch = 0;
	/** The next page, asked for while the last one is being used. */
	#ahead: PageRequest | undefined;
	readonly #yielder = new Yielder();
	/** The read has reached its bound or limit, or was closed: nothing comes any more. */
	ended = false;
	/** Nothing more was committed when the last page was read; following goes on from here by waiting. */
	tail = false;

	constructor(slot: EngineSlot, plan: ReadPlan) {
		this.#slot = slot;
		this.#plan = plan;
		this.signal = plan.signal;
		this.#next = plan.from;
		this.#left = plan.limit === 0 ? Number.POSITIVE_INFINITY : plan.limit;
		this.#size = plan.limit === 0 ? FIRST_PAGE_ENTRIES : Math.min(plan.limit, PAGE_ENTRIES);
	}

	async next(maxEntries: number): Promise<Iterable<PageEntry> | undefined> {
		try {
			for (;;) {
				if (this.ended) return undefined;
				if (this.tail) {
					if (!this.#plan.follow) return undefined;
					await this.wait();
				}
				const entries = await this.poll(maxEntries);
				if (entries !== undefined) return entries;
			}
		} catch (error) {
			if (this.#closed) return undefined;
			this.ended = true;
			throw error;
		}
	}

	#request(maxEntries: number): PageRequest {
		const { read, signal } = this.#plan;
		const most = Math.min(maxEntries, this.#size, this.#left);
		const epoch = this.#slot.epoch();
		const cursor = this.#next;
		const bytes = this.#slot.run("read", (engine) => read(engine, cursor, most, this.#room()), signal);
		return { most, epoch, bytes };
	}

	/** What is committed now, if there is anything. */
	async poll(maxEntries: number): Promise<Iterable<PageEntry> | undefined> {
		const slot = this.#slot;
		const { space, stream, signal } = this.#plan;
		for (;;) {
			if (this.ended) return undefined;
			if (this.#yielder.due(slot.hostWaits)) await this.#yielder.next();
			if (signal?.aborted === true) throw signal.reason;
			if (stream === true) {
				while (!slot.isFull || slot.closed) await unlessAborted(slot.full(), signal);
			} else {
				while (slot.engine === undefined || slot.closed) await unlessAborted(slot.ready(), signal);
			}
			if (this.ended) return undefined;
			const ahead = this.#ahead;
			this.#ahead = undefined;
			const request = ahead !== undefined && ahead.most <= maxEntries ? ahead : this.#request(maxEntries);
			const cursor = this.#next;
			const page = readPage(await request.bytes, space);
			this.#epoch = request.epoch;
			this.#next = page.next;
			this.tail = page.tail;
			const { count, last } = page;
			if (last !== undefined) this.#plan.passed?.(last);
			this.#left -= count;
			if (page.done || this.#left <= 0) this.ended = true;
			const isLong = this.#isLong();
			this.#size = Math.min(this.#size * 4, PAGE_ENTRIES);
			if (isLong && !this.ended && !this.tail) this.#askAhead(maxEntries);
			if (count > 0) return page.entries;
			if (page.done || page.tail) return undefined;
			if (isSame(page.next, cursor)) throw broken("a page without entries does not move on");
		}
	}

	/** Whether this is a long read from a host that takes its time. */
	#isLong(): boolean {
		return this.#size >= LONG_READ_ENTRIES && this.#slot.hostWaits;
	}

	/** The most bytes of the next page. */
	#room(): number {
		const { maxBytes, beside } = this.#plan;
		if (!this.#isLong() || beside === true) return maxBytes;
		const rows = LONG_PAGE_ROWS * this.#slot.host.limits.blockBytes;
		return Math.max(maxBytes, Math.min(rows, LONG_PAGE_BYTES));
	}

	/** The next page is on its way while this one is used. */
	#askAhead(maxEntries: number): void {
		if (this.#slot.engine === undefined || this.#slot.closed) return;
		this.#ahead = this.#request(maxEntries);
		// Whoever asks for the page hears of it.
		this.#ahead.bytes.catch(() => {});
	}

	/** Waits until something may have changed since the last page, or so many milliseconds (-1: for ever). */
	async wait(timeout = -1): Promise<void> {
		const slot = this.#slot;
		const { space, signal } = this.#plan;
		if (signal?.aborted === true) throw signal.reason;
		while (slot.engine === undefined || slot.closed) await unlessAborted(slot.ready(), signal);
		// A wait that has not begun cannot be cancelled.
		if (this.#closed) return;
		const tag = slot.nextTag();
		this.#waiting = tag;
		try {
			await slot.wait(space, this.#epoch, timeout, signal, tag);
		} finally {
			this.#waiting = 0;
			this.#yielder.begin();
		}
	}

	close(): void {
		this.#closed = true;
		this.ended = true;
		this.#ahead = undefined;
		if (this.#waiting > 0) this.#slot.cancel(this.#waiting);
	}
}
