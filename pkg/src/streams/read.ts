import { unlessAborted } from "../common/abort.js";
import { checkInteger, checkName, checkSignal, optionalDuration, optionsObject } from "../common/validate.js";
import type { EngineSlot } from "../engine/slot.js";
import { closedError, invalid } from "../errors.js";
import type { PageEntry } from "../framing/page.js";
import { LateSource } from "../reading/late-source.js";
import { PAGE_BYTES, PageReader, type PageSource, type ReadPlan } from "../reading/page-reader.js";
import type { Entry } from "../types.js";
import { checkPartition, type PartitionOptions } from "./append.js";
import type { StreamContext } from "./context.js";
import { FIRST, type Id, idBefore, parseId, parseLowerBound, parseUpperBound } from "./ids.js";
import { startsNow } from "./starts-now.js";
import type { Sweeper } from "./sweeper.js";
import type { ReadOptions } from "./types.js";

const DEFAULT_LIMIT = 10;
const MOST_LIMIT = 1000;

interface Range extends PartitionOptions {
	/** Exclusive; undefined: what is there when the call is made. */
	readonly after: Id | undefined;
	/** Inclusive. */
	readonly last: Id | undefined;
}

function checkRange(options: Partial<ReadOptions>): Range {
	const { start, after, end } = options;
	if (start !== undefined && after !== undefined) throw invalid("after", "must not be given together with start");
	const last = end === undefined ? undefined : parseUpperBound("end", end);
	let from: Id | undefined;
	if (after !== undefined) from = parseId("after", after);
	else if (start !== "$") from = start === undefined ? FIRST : idBefore(parseLowerBound("start", start));
	return { ...checkPartition(options), after: from, last };
}

function planOf(
	sweeper: Sweeper,
	name: string,
	{ partition, partitionKey, last }: Range,
	after: Id,
	rest: Pick<ReadPlan, "limit" | "follow" | "signal">,
): ReadPlan {
	// Where the last page ended in its partition: the next one begins there without a search.
	let [fromPartition, fromSequence] = [-1, -1];
	const isOfOne = partition >= 0 || partitionKey !== undefined;
	return {
		...rest,
		space: name,
		stream: true,
		read: (engine, [ms, n], maxEntries, maxBytes) => {
			// Whoever follows makes no other call.
			sweeper.used();
			return engine.streamRead(
				name,
				partition,
				partitionKey,
				ms,
				n,
				last?.ms ?? -1,
				last?.n ?? -1,
				fromPartition,
				fromSequence,
				maxEntries,
				maxBytes,
			);
		},
		passed: (entry: PageEntry) => {
			if (isOfOne) [fromPartition, fromSequence] = [entry.partition ?? -1, entry.sequence + 1];
		},
		from: [after.ms, after.n],
		maxBytes: PAGE_BYTES,
	};
}

async function tailOf(slot: EngineSlot, name: string, signal: AbortSignal | undefined): Promise<Id> {
	const numbers = await slot.callFull("read", (engine) => engine.streamTail(name), signal);
	return { ms: numbers[0] as number, n: numbers[1] as number };
}

/** The records of a range, at most `limit`; waits for some where that is asked for. */
export async function readStream(
	{ slot, sweeper, end: known }: StreamContext,
	name: string,
	input?: ReadOptions,
): Promise<Entry[]> {
	checkName("name", name);
	const options = optionsObject(input);
	const range = checkRange(options);
	const { limit = DEFAULT_LIMIT } = options;
	checkInteger("limit", limit, 1, MOST_LIMIT);
	const block = optionalDuration("block", options.block, undefined);
	const signal = checkSignal(options.signal);
	const end = block === undefined || block === 0 ? Number.POSITIVE_INFINITY : performance.now() + block;
	const tail = (): Promise<Id> => (known === undefined ? tailOf(slot, name, signal) : unlessAborted(known, signal));
	const after = range.after ?? (await tail());
	const reader = new PageReader(slot, planOf(sweeper, name, range, after, { limit, follow: false, signal }));
	const found: Entry[] = [];
	for (;;) {
		for (const entry of (await reader.poll(limit - found.length)) ?? []) found.push(entry);
		if (reader.ended || (reader.tail && (found.length > 0 || block === undefined))) return found;
		if (!reader.tail) continue;
		const left = end - performance.now();
		if (left <= 0) return found;
		await reader.wait(left === Number.POSITIVE_INFINITY ? -1 : left);
	}
}

/** The records of a range, and what comes after: how each reading of it begins. */
export function openFollow(
	{ slot, sweeper, end }: StreamContext,
	name: string,
	input?: Omit<ReadOptions, "block" | "limit">,
): () => PageSource {
	// "From now on" is from this call on, whenever the first step is taken.
	let tail: Promise<Id> | undefined = end;
	if (tail === undefined && startsNow(input) && typeof name === "string" && name !== "") {
		tail = tailOf(slot, name, undefined);
		tail.catch(() => {});
	}
	return () => {
		checkName("name", name);
		const options = optionsObject(input);
		const range = checkRange(options);
		for (const other of ["block", "limit"] as const) {
			if ((options as ReadOptions)[other] !== undefined) throw invalid(other, "must not be given: following has none");
		}
		const signal = checkSignal(options.signal);
		if (slot.closed) throw closedError();
		const reader = (after: Id): PageSource =>
			new PageReader(slot, planOf(sweeper, name, range, after, { limit: 0, follow: true, signal }));
		if (range.after !== undefined) return reader(range.after);
		return new LateSource(signal, (tail ?? tailOf(slot, name, signal)).then(reader));
	};
}
