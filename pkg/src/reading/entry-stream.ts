import { invalid } from "../errors.js";
import type { Entry, EntryStream } from "../types.js";
import { optionalInteger, optionsObject } from "../validate.js";
import { PAGE_ENTRIES, type PageSource } from "./page-reader.js";

const DONE: IteratorResult<never, undefined> = Object.freeze({ done: true, value: undefined });

/** Pages of a source that is opened at the first step. */
class PageIterator implements AsyncIterableIterator<readonly Entry[]> {
	readonly #open: () => PageSource;
	readonly #maxEntries: () => number;
	#source: PageSource | undefined;
	#ended = false;
	#busy: Promise<unknown> | undefined;

	constructor(open: () => PageSource, maxEntries: () => number) {
		this.#open = open;
		this.#maxEntries = maxEntries;
	}

	/** The source's signal, once it is open. */
	get signal(): AbortSignal | undefined {
		return this.#source?.signal;
	}

	next(): Promise<IteratorResult<readonly Entry[], undefined>> {
		// Steps asked for at once are taken one after the other, as a generator does.
		const step = this.#busy === undefined ? this.#step() : this.#busy.then(() => this.#step());
		const settled = step.then(noop, noop).then(() => {
			if (this.#busy === settled) this.#busy = undefined;
		});
		this.#busy = settled;
		return step;
	}

	async #step(): Promise<IteratorResult<readonly Entry[], undefined>> {
		if (this.#ended) return DONE;
		try {
			const max = this.#maxEntries();
			this.#source ??= this.#open();
			const value = await this.#source.next(max);
			if (value !== undefined) return { done: false, value };
			this.#ended = true;
			return DONE;
		} catch (error) {
			this.#ended = true;
			throw error;
		}
	}

	return(): Promise<IteratorResult<readonly Entry[], undefined>> {
		this.#ended = true;
		this.#source?.close();
		return Promise.resolve(DONE);
	}

	[Symbol.asyncIterator](): this {
		return this;
	}
}

function noop(): void {}

// Written by hand: a step within a page costs one promise here, and three in an async generator.
class EntryIterator implements AsyncIterableIterator<Entry> {
	readonly #pages: PageIterator;
	#page: readonly Entry[] = [];
	#at = 0;
	#signal: AbortSignal | undefined;
	#fetching: Promise<unknown> | undefined;

	constructor(pages: PageIterator) {
		this.#pages = pages;
	}

	next(): Promise<IteratorResult<Entry, undefined>> {
		const value = this.#page[this.#at];
		if (value !== undefined && this.#fetching === undefined) {
			if (this.#signal?.aborted === true) return this.#aborted(this.#signal);
			this.#at++;
			return Promise.resolve({ done: false, value });
		}
		if (this.#fetching === undefined) return this.#fetch();
		const again = (): Promise<IteratorResult<Entry, undefined>> => this.next();
		const later = this.#fetching.then(again, again);
		return later;
	}

	#fetch(): Promise<IteratorResult<Entry, undefined>> {
		const fetched = this.#pages.next().then((step): IteratorResult<Entry, undefined> => {
			this.#fetching = undefined;
			if (step.done === true) return DONE;
			this.#signal = this.#pages.signal;
			this.#page = step.value;
			this.#at = 1;
			return { done: false, value: step.value[0] as Entry };
		});
		this.#fetching = fetched.catch(() => {
			this.#fetching = undefined;
		});
		return fetched;
	}

	async #aborted(signal: AbortSignal): Promise<never> {
		this.#page = [];
		await this.#pages.return();
		throw signal.reason;
	}

	return(): Promise<IteratorResult<Entry, undefined>> {
		this.#page = [];
		return this.#pages.return().then(() => DONE);
	}

	[Symbol.asyncIterator](): this {
		return this;
	}
}

/** A read that starts afresh with every iteration. */
export class Entries implements EntryStream {
	readonly #open: () => PageSource;
	readonly #endless: () => boolean;

	/** endless: whether it follows without a bound. Both are called at the first step, and may throw. */
	constructor(open: () => PageSource, endless: () => boolean) {
		this.#open = open;
		this.#endless = endless;
	}

	[Symbol.asyncIterator](): AsyncIterator<Entry, undefined, undefined> {
		return new EntryIterator(new PageIterator(this.#open, () => PAGE_ENTRIES));
	}

	pages(options?: { maxEntries?: number | undefined }): AsyncIterable<readonly Entry[]> {
		const open = this.#open;
		const maxEntries = (): number => optionalInteger("maxEntries", optionsObject(options).maxEntries, 1, PAGE_ENTRIES);
		return { [Symbol.asyncIterator]: () => new PageIterator(open, maxEntries) };
	}

	async toArray(): Promise<Entry[]> {
		if (this.#endless()) throw invalid("follow", "toArray needs a limit or an upper bound to follow to");
		const all: Entry[] = [];
		const pages = new PageIterator(this.#open, () => PAGE_ENTRIES);
		for (;;) {
			const step = await pages.next();
			if (step.done === true) return all;
			for (const entry of step.value) all.push(entry);
		}
	}

	toReadableStream(): ReadableStream<Entry> {
		const entries = this[Symbol.asyncIterator]();
		return new ReadableStream<Entry>(
			{
				async pull(controller) {
					const step = await entries.next();
					if (step.done === true) controller.close();
					else controller.enqueue(step.value);
				},
				async cancel() {
					await entries.return?.();
				},
			},
			// Nothing is read before somebody asks.
			{ highWaterMark: 0 },
		);
	}
}
