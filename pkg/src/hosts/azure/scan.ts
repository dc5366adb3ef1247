import { type Bytes, compareBytes } from "../../common/bytes.js";
import type { ScanPage, ScanRange } from "../../host.js";
import { PageFilling } from "../page-filling.js";
import type { Entity } from "./client.js";
import { contentOf, isGone, KEYS_ONLY } from "./entity.js";
import { LIMITS } from "./limits.js";
import type { OfSpaces, OfTransactions, Places, Stretch } from "./places.js";
import { REMOVALS } from "./places.js";
import type { Session } from "./session.js";

/** Entities of one answer. */
const MOST_ENTITIES = 1000;
/** Entities asked for first where values are wanted, and nothing is known of their size. */
const FIRST_ENTITIES = 16;
/** Names of spaces asked for at least. */
const LEAST_NAMES = 100;
/** Spaces looked at together. */
const TOGETHER = 8;

interface Pair {
	readonly key: Bytes;
	readonly value: Bytes;
}

type Pairs = AsyncGenerator<Pair, void, undefined>;

/** What a scan wants, and how much of it there is so far: the next page is as large as what is still wanted. */
class Appetite {
	readonly keysOnly: boolean;
	readonly #limit: number;
	readonly #maxBytes: number;
	#rows = 0;
	#bytes = 0;

	constructor({ limit, maxBytes, keysOnly }: ScanRange) {
		this.keysOnly = keysOnly === true;
		this.#limit = limit;
		this.#maxBytes = this.keysOnly ? Number.POSITIVE_INFINITY : (maxBytes ?? Number.POSITIVE_INFINITY);
	}

	took(bytes: number): void {
		this.#rows++;
		this.#bytes += bytes;
	}

	/** How many entities to ask for; one more than wanted says whether there are more. */
	next(): number {
		const byRows = Math.max(this.#limit - this.#rows, 0) + 1;
		if (this.#maxBytes === Number.POSITIVE_INFINITY) return Math.min(byRows, MOST_ENTITIES);
		const left = Math.max(this.#maxBytes - this.#bytes, 0);
		const byBytes =
			this.#rows === 0
				? Math.min(FIRST_ENTITIES, Math.ceil(left / LIMITS.blockBytes) + 2)
				: Math.ceil((left * this.#rows) / Math.max(this.#bytes, 1)) + 2;
		return Math.min(byRows, byBytes, MOST_ENTITIES);
	}
}

/** The rows that answer a filter, page by page, but for those that stand for none. */
async function* entities(
	session: Session,
	appetite: Appetite,
	filter: string,
): AsyncGenerator<Entity, void, undefined> {
	let token: string | undefined;
	do {
		const page = await session.page(filter, appetite.keysOnly ? KEYS_ONLY : undefined, appetite.next(), token);
		for (const entity of page) if (!isGone(entity) && entity.rowKey !== REMOVALS) yield entity;
		token = page.continuationToken;
	} while (token !== undefined);
}

const NOTHING: Bytes = new Uint8Array(0);

function pairOf(appetite: Appetite, key: Bytes, entity: Entity): Pair {
	const value = appetite.keysOnly ? NOTHING : contentOf(entity);
	return { key, value };
}

async function* ofStretch(session: Session, appetite: Appetite, stretch: Stretch): Pairs {
	const { partition, from, to, keyOf } = stretch;
	if (from >= to) return;
	const filter = `PartitionKey eq '${partition}' and RowKey ge '${from}' and RowKey lt '${to}'`;
	for await (const entity of entities(session, appetite, filter)) yield pairOf(appetite, keyOf(entity.rowKey), entity);
}

async function* ofTransactions(session: Session, appetite: Appetite, part: OfTransactions): Pairs {
	const filter = `PartitionKey ge '${part.first}' and PartitionKey lt '${part.last}~'`;
	for await (const entity of entities(session, appetite, filter)) {
		yield pairOf(appetite, part.keyOf(entity.partitionKey, entity.rowKey), entity);
	}
}

/** The spaces of the directory, one after the other, with the first rows of the next ones under way. */
async function* ofSpaces(session: Session, appetite: Appetite, places: Places, part: OfSpaces): Pairs {
	const { from, to, stretchOf } = part;
	if (from >= to) return;
	const filter = `PartitionKey eq '${places.directory}' and RowKey ge '${from}' and RowKey lt '${to}'`;
	// The rows of the directory are small; a request costs more than what of one is not needed.
	const limit = Math.max(appetite.next(), LEAST_NAMES);
	const names = entities(session, new Appetite({ start: NOTHING, end: NOTHING, limit, keysOnly: true }), filter);
	const started: { pairs: Pairs; first: Promise<IteratorResult<Pair, void>> }[] = [];
	let more = true;
	for (;;) {
		// No more than are still wanted, as far as that is known.
		while (more && started.length < Math.min(TOGETHER, appetite.next())) {
			const { done, value } = await names.next();
			if (done === true) {
				more = false;
				break;
			}
			const pairs = ofStretch(session, appetite, stretchOf(value.rowKey));
			const first = pairs.next();
			// It may fail while an earlier one is read, or when nobody wants it any more.
			first.catch(() => {});
			started.push({ pairs, first });
		}
		const next = started.shift();
		if (next === undefined) return;
		const { done, value } = await next.first;
		if (done === true) continue;
		yield value;
		yield* next.pairs;
	}
}

async function* concatenated(all: readonly Pairs[]): Pairs {
	for (const one of all) yield* one;
}

/** Two ordered sequences as one. */
async function* merged(left: Pairs, right: Pairs): Pairs {
	let [a, b] = await Promise.all([left.next(), right.next()]);
	for (;;) {
		if (a.done === true) {
			if (b.done !== true) yield b.value;
			yield* right;
			return;
		}
		if (b.done === true) {
			yield a.value;
			yield* left;
			return;
		}
		if (compareBytes(a.value.key, b.value.key) < 0) {
			yield a.value;
			a = await left.next();
		} else {
			yield b.value;
			b = await right.next();
		}
	}
}

function pairsOf(session: Session, places: Places, appetite: Appetite, start: Bytes, end: Bytes): Pairs {
	const { plain, parts } = places.sources(start, end);
	const scoped = parts.map((part): Pairs => {
		if (part.kind === "stretch") return ofStretch(session, appetite, part.stretch);
		if (part.kind === "spaces") return ofSpaces(session, appetite, places, part.spaces);
		return inside(ofTransactions(session, appetite, part.transactions), start, end);
	});
	return plain === undefined ? concatenated(scoped) : merged(ofStretch(session, appetite, plain), concatenated(scoped));
}

async function* inside(pairs: Pairs, start: Bytes, end: Bytes): Pairs {
	for await (const pair of pairs) if (compareBytes(pair.key, start) >= 0 && compareBytes(pair.key, end) < 0) yield pair;
}

/** A page of a range, from its top when reverse. */
export async function scanRange(session: Session, places: Places, range: ScanRange): Promise<ScanPage> {
	if (compareBytes(range.start, range.end) >= 0) return { keys: [], values: [], more: false };
	return range.reverse === true ? backward(session, places, range) : forward(session, places, range);
}

async function forward(session: Session, places: Places, range: ScanRange): Promise<ScanPage> {
	const { start, end, keysOnly } = range;
	const appetite = new Appetite(range);
	const filling = new PageFilling(range);
	for await (const { key, value } of pairsOf(session, places, appetite, start, end)) {
		if (!filling.fits(value.length)) return filling.page(true);
		appetite.took(value.length);
		filling.add(key, keysOnly === true ? undefined : value);
	}
	return filling.page(false);
}

/**
 * The service has no reverse order, so the keys of the range are read from its beginning, a thousand a request, and the
 * last ones kept; then their values, from the top.
 */
async function backward(session: Session, places: Places, range: ScanRange): Promise<ScanPage> {
	const { start, end, limit, keysOnly } = range;
	const last: Bytes[] = [];
	let passed = 0;
	const all = new Appetite({ start, end, limit: MOST_ENTITIES, keysOnly: true });
	for await (const { key } of pairsOf(session, places, all, start, end)) {
		last[passed % limit] = key;
		passed++;
	}
	const found = Array.from({ length: last.length }, (_, i) => last[(passed - 1 - i) % limit] as Bytes);
	const more = passed > found.length;
	if (keysOnly === true) return { keys: found, values: [], more };
	const filling = new PageFilling(range);
	for (let at = 0; at < found.length; ) {
		const some = found.slice(at, at + TOGETHER);
		const rows = await Promise.all(
			some.map(async (key) => {
				const { partition, row } = places.of(key);
				const entity = await session.entity(partition, row);
				return entity === undefined || isGone(entity) ? undefined : contentOf(entity);
			}),
		);
		for (const [i, value] of rows.entries()) {
			// Removed since its key was read.
			if (value === undefined) continue;
			if (!filling.fits(value.length)) return filling.page(true);
			filling.add(some[i] as Bytes, value);
		}
		at += some.length;
	}
	// All of them may have gone; what is below them is then still to be shown.
	if (filling.count === 0 && more)
		return backward(session, places, { ...range, end: found[found.length - 1] as Bytes });
	return filling.page(more);
}
