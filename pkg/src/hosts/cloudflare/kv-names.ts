import { textAfter } from "../text-keys.js";
import type { KvNamespace } from "./kv-namespace.js";

const PAGE = 1000;

function commonLength(a: string, b: string): number {
	const most = Math.min(a.length, b.length);
	let length = 0;
	while (length < most && a.charCodeAt(length) === b.charCodeAt(length)) length++;
	return length;
}

/**
 * The names of the range [start, end) in order, a page at a time, without the prefix that they all have.
 *
 * A list starts at a prefix, never in its middle. So the prefix is chosen as long as it must be for the start of the
 * range to lie in the first page of a list, and made shorter again where long ones hold nothing. That takes one list for
 * every 1,000 names of the range, and a few more to find the start among many names before it.
 */
export async function* namesBetween(
	kv: KvNamespace,
	prefix: string,
	start: string,
	end: string,
): AsyncGenerator<string[]> {
	/** All names of the range below this one are done. */
	let from = start;
	let depth = commonLength(start, end);
	/** Prefixes that hold a page full of names that are done. */
	const full = new Set<string>();
	while (from < end) {
		const within = from.slice(0, depth);
		let given = false;
		let deeper = false;
		for (let cursor: string | undefined, first = true; ; first = false) {
			const page = await kv.list({
				prefix: prefix + within,
				limit: PAGE,
				...(cursor === undefined ? {} : { cursor }),
			});
			const names = page.keys.map(({ name }) => name.slice(prefix.length));
			const last = names[names.length - 1];
			const complete = page.list_complete || page.cursor === undefined || page.cursor === "";
			if (first && !complete && last !== undefined && last < from) {
				full.add(within);
				depth = commonLength(last, from) + 1;
				deeper = true;
				break;
			}
			const wanted = names.filter((name) => name >= from && name < end);
			if (wanted.length > 0) {
				given = true;
				yield wanted;
			}
			if (complete || (last !== undefined && last >= end)) break;
			cursor = page.cursor;
		}
		if (deeper) continue;
		const next = textAfter(within);
		if (next === undefined) return;
		from = next;
		depth = from.length;
		// Nothing here: look at more at once, unless that is known to begin with a page of what is done.
		if (!given && depth > 0 && !full.has(from.slice(0, depth - 1))) depth--;
	}
}
