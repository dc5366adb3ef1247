import { textAfter } from "../text-keys.js";
import type { KvNamespace } from "./kv-namespace.js";

const PAGE = 1000;
const FEW = 100;

function commonLength(a: string, b: string): number {
	const most = Math.min(a.length, b.length);
	let length = 0;
	while (length < most && a.charCodeAt(length) === b.charCodeAt(length)) length++;
	return length;
}

interface Page {
	readonly names: readonly string[];
	readonly last: string | undefined;
	/** undefined: this was the last page. */
	readonly cursor: string | undefined;
}

/** A list that was left at a page of names that are all below what is looked for. */
interface Left {
	readonly prefix: string;
	cursor: string | undefined;
}

/**
 * The names of a range in order.
 *
 * A list starts at a prefix, never in its middle. So the prefix is chosen as long as it must be for the start of the
 * range to lie in the first page of a list; where a long one holds nothing, shorter ones are tried, and the lists that
 * were left are gone on with by turns. That takes one list for every 1,000 names of the range, and a few more to find
 * its start: never more than twice as many as listing all that comes before it.
 */
class Names {
	readonly #kv: KvNamespace;
	/** What all names begin with. */
	readonly #base: string;
	readonly #end: string;
	/** All names of the range below this one are done. */
	#from: string;
	/** Lists that were left, each with a longer prefix than the one before; `#from` begins with all of them. */
	#left: Left[] = [];

	constructor(kv: KvNamespace, base: string, start: string, end: string) {
		this.#kv = kv;
		this.#base = base;
		this.#from = start;
		this.#end = end;
	}

	async #list(prefix: string, cursor: string | undefined): Promise<Page> {
		const options = { prefix: this.#base + prefix, limit: PAGE };
		const page = await this.#kv.list(cursor === undefined ? options : { ...options, cursor });
		const names = page.keys.map(({ name }) => name.slice(this.#base.length));
		const more = !page.list_complete && page.cursor !== undefined && page.cursor !== "";
		return { names, last: names[names.length - 1], cursor: more ? page.cursor : undefined };
	}

	/** Gives what is wanted of a list from this page on, to its end, and how much that was. */
	async *#rest(prefix: string, first: Page): AsyncGenerator<string[], number> {
		let given = 0;
		for (let page = first; ; page = await this.#list(prefix, page.cursor)) {
			const wanted = page.names.filter((name) => name >= this.#from && name < this.#end);
			if (wanted.length > 0) {
				given += wanted.length;
				yield wanted;
			}
			if (page.cursor === undefined || (page.last !== undefined && page.last >= this.#end)) return given;
		}
	}

	/** Goes on behind all names that begin so. False: there are none. */
	#pass(prefix: string): boolean {
		const next = textAfter(prefix);
		if (next === undefined) return false;
		this.#from = next;
		this.#left = this.#left.filter((left) => next.startsWith(left.prefix));
		return true;
	}

	async *all(): AsyncGenerator<string[]> {
		let depth = commonLength(this.#from, this.#end);
		while (this.#from < this.#end) {
			const prefix = this.#from.slice(0, depth);
			const page = await this.#list(prefix, undefined);
			if (page.cursor !== undefined && page.last !== undefined && page.last < this.#from) {
				this.#left.push({ prefix, cursor: page.cursor });
				depth = commonLength(page.last, this.#from) + 1;
				continue;
			}
			const given = yield* this.#rest(prefix, page);
			if (!this.#pass(prefix)) return;
			depth = this.#from.length;
			// Little here: look at more at once, unless that list begins with what is done.
			const longest = this.#left[this.#left.length - 1]?.prefix.length ?? -1;
			if (given < FEW && depth - 1 > longest) depth--;
			if (given > 0) continue;
			const left = this.#left[0];
			if (left === undefined) continue;
			const further = await this.#list(left.prefix, left.cursor);
			left.cursor = further.cursor;
			if (further.cursor !== undefined && (further.last ?? "") < this.#from) continue;
			yield* this.#rest(left.prefix, further);
			if (!this.#pass(left.prefix)) return;
			depth = this.#from.length;
		}
	}
}

/** The names of [start, end) in order, a page at a time, without the prefix that all of them have. */
export function namesBetween(kv: KvNamespace, prefix: string, start: string, end: string): AsyncGenerator<string[]> {
	return new Names(kv, prefix, start, end).all();
}
