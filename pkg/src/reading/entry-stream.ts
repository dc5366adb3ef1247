import { optionalInteger, optionsObject } from "../common/validate.js";
import { invalid } from "../errors.js";
import type { Entry, EntryStream } from "../types.js";
import { PAGE_ENTRIES, type PageSource } from "./page-reader.js";

const DONE: IteratorResult<never, undefined> = Object.freeze({ done: true, value: undefined });

/** Steps asked for at once are taken one after the other, as a generator does. */
class Turns {
	#last: Promise<void> | undefined;

	/** Whether no step is under way. */
	get free(): boolean {
		return this.#last === undefined;
	}

	take<T>(step: () => Promise<T>): Promise<T> {
		const taken = this.#last === undefined ? step() : this.#last.then(step);
		// Before whoever awaits the step goes on, and perhaps asks for another.
		const ended = (): void => {
			if (this.#last === last) this.#last = undefined;
		};
		const last: Promise<void> = taken.then(ended, ended);
		this.#last = last;
		return taken;
	}
}

/** Pages of a source that is opened at the first step, to be gone through once. */
class PageIterator implements AsyncIterator<Iterable<Entry>, undefined> {
	readonly #open: () => PageSource;
	readonly #maxEntries: () => number;
	#source: PageSource | undefined;
	#ended = false;
	readonly #turns = new Turns();

	constructor(open: () => PageSource, maxEntries: () => number) {
		this.#open = open;
		this.#maxEntries = maxEntries;
	}

	/** The source's signal, once it is open. */
	get signal(): AbortSignal | undefined {
		return this.#source?.signal;
	}

	next(): Promise<IteratorResult<Iterable<Entry>, undefined>> {
		return this.#turns.take(() => this.#step());
	}

	async #step(): Promise<IteratorResult<Iterable<Entry>, undefined>> {
		if (this.#ended) return DONE;
		try {
			const max = this.#maxEntries();
			this.#source ??= this.#open();
			const value = await this.#source.next(max);
			// Whoever left meanwhile wants nothing more.
			if (value !== undefined && !this.#ended) return { done: false, value };
			this.#end();
			return DONE;
		} catch (error) {
			this.#end();
			throw error;
		}
	}

	return(): Promise<IteratorResult<never, undefined>> {
		this.#end();
		return Promise.resolve(DONE);
	}

	#end(): void {
		this.#ended = true;
		// Some of its waits may go on when it has nothing more to give.
		this.#source?.close();
	}
}

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
	readonly #turns = new Turns();

	constructor(pages: PageIterator) {
		this.#pages = pages;
	}

	next(): Promise<IteratorResult<Entry, undefined>> {
		const turns = this.#turns;
		return (turns.free ? this.#inPage() : undefined) ?? turns.take(() => this.#inPage() ?? this.#fetch());
	}

	/** A step within the page, if that has more. */
	#inPage(): Promise<IteratorResult<Entry, undefined>> | undefined {
		const step = this.#page?.next();
		if (step === undefined || step.done === true) return undefined;
		if (this.#signal?.aborted === true) return this.#aborted(this.#signal);
		return Promise.resolve(step);
	}

	async #fetch(): Promise<IteratorResult<Entry, undefined>> {
		const step = await this.#pages.next();
		if (step.done === true) return DONE;
		this.#signal = this.#pages.signal;
		this.#page = step.value[Symbol.iterator]();
		return this.#page.next();
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
