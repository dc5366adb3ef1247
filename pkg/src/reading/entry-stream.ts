import { optionalInteger, optionsObject } from "../common/validate.js";
import { invalid } from "../errors.js";
import type { Entry, EntryStream } from "../types.js";
import { PAGE_ENTRIES, type PageSource } from "./page-reader.js";

const DONE: IteratorResult<never, undefined> = Object.freeze({ done: true, value: undefined });

/** Pages of a source that is opened at the first step, to be gone through once. */
class PageIterator implements AsyncIterator<Iterable<Entry>, undefined> {
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

	next(): Promise<IteratorResult<Iterable<Entry>, undefined>> {
		// Steps asked for at once are taken one after the other, as a generator does.
		const step = this.#busy === undefined ? this.#step() : this.#busy.then(() => this.#step());
		const settled = step.then(noop, noop).then(() => {
			if (this.#busy === settled) this.#busy = undefined;
		});
		this.#busy = settled;
		return step;
	}

	async #step(): Promise<IteratorResult<Iterable<Entry>, undefined>> {
		if (this.#ended) return DONE;
		try {
			const max = this.#maxEntries();
			this.#source ??= this.#open();
			const value = await this.#source.next(max);
			// Whoever left meanwhile wants nothing more.
			if (value !== undefined && !this.#ended) return { done: false, value };
			this.#ended = true;
			return DONE;
		} catch (error) {
			this.#ended = true;
			throw error;
		}
	}

	return(): Promise<IteratorResult<never, undefined>> {
		this.#ended = true;
		this.#source?.close();
		return Promise.resolve(DONE);
	}
}

function noop(): void {}

/** The same pages as arrays. */
class ArrayIterator implements AsyncIterableIterator<readonly Entry[]> {
	readonly #pages: PageIterator;

	constructor(pages: PageIterator) {
		this.#pages = pages;
	}

	async next(): Promise<IteratorResult<readonly Entry[], undefined>> {
		const step = await this.#pages.next();
		return step.done === true ? DONE : { done: false, value: toArray(step.value) };
	}

	return(): Promise<IteratorResult<readonly Entry[], undefined>> {
		return this.#pages.return();
	}

	[Symbol.asyncIterator](): this {
		return this;
	}
}

function toArray(entries: Iterable<Entry>): Entry[] {
	const array: Entry[] = [];
	for (const entry of entries) array.push(entry);
	return array;
}

// Written by hand: a step within a page costs one promise here, and three in an async generator.
class EntryIterator implements AsyncIterableIterator<Entry> {
	readonly #pages: PageIterator;
	#page: Iterator<Entry, undefined> | undefined;
	#signal: AbortSignal | undefined;
	#fetching: Promise<unknown> | undefined;

	constructor(pages: PageIterator) {
		this.#pages = pages;
	}

	next(): Promise<IteratorResult<Entry, undefined>> {
		if (this.#fetching !== undefined) {
			const again = (): Promise<IteratorResult<Entry, undefined>> => this.next();
			return this.#fetching.then(again, again);
		}
		const step = this.#page?.next();
		if (step === undefined || step.done === true) return this.#fetch();
		if (this.#signal?.aborted === true) return this.#aborted(this.#signal);
		return Promise.resolve(step);
	}

	#fetch(): Promise<IteratorResult<Entry, undefined>> {
		const fetched = this.#pages.next().then((step): IteratorResult<Entry, undefined> => {
			this.#fetching = undefined;
			if (step.done === true) return DONE;
			this.#signal = this.#pages.signal;
			this.#page = step.value[Symbol.iterator]();
			return this.#page.next();
		});
		this.#fetching = fetched.catch(() => {
			this.#fetching = undefined;
		});
		return fetched;
	}

	async #aborted(signal: AbortSignal): Promise<never> {
		this.#page = undefined;
		await this.#pages.return();
		throw signal.reason;
	}

	return(): Promise<IteratorResult<Entry, undefined>> {
		this.#page = undefined;
		return this.#pages.return();
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
		return { [Symbol.asyncIterator]: () => new ArrayIterator(new PageIterator(open, maxEntries)) };
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
