import { compareUtf8 } from "../common/utf8.js";
import {
	checkName,
	checkSignal,
	isRecord,
	optionalBoolean,
	optionalInteger,
	TIMESTAMP_END,
} from "../common/validate.js";
import type { EngineSlot } from "../engine/slot.js";
import { closedError, invalid } from "../errors.js";
import type { Consume, ConsumeSegment, ConsumeSpace, EntryStream, ReadBounds } from "../types.js";
import { Entries } from "./entry-stream.js";
import { MergeReader } from "./merge-reader.js";
import { parseSegmentOffset, parseSpaceOffset } from "./offsets.js";
import { PAGE_BYTES, PageReader, type PageSource, type ReadPlan } from "./page-reader.js";

interface Bounds {
	readonly minTimestamp: number;
	readonly maxTimestamp: number;
	readonly limit: number;
	readonly follow: boolean;
	readonly signal: AbortSignal | undefined;
}

function checkArgs<T extends object>(args: T): T {
	if (typeof args !== "object" || args === null) throw invalid("args", "must be an object");
	return args;
}

function checkBounds(args: ReadBounds): Bounds {
	const signal = checkSignal(args.signal);
	const minTimestamp = optionalInteger("minTimestamp", args.minTimestamp, 0, -1);
	const maxTimestamp = optionalInteger("maxTimestamp", args.maxTimestamp, 0, -1);
	if (maxTimestamp >= 0 && minTimestamp > maxTimestamp) throw invalid("minTimestamp", "must not be above maxTimestamp");
	const limit = optionalInteger("limit", args.limit, 0, 0);
	const follow = optionalBoolean("follow", args.follow, false);
	// Beyond the last timestamp there can be a bound, but it bounds nothing.
	return { minTimestamp, maxTimestamp: Math.min(maxTimestamp, TIMESTAMP_END - 1), limit, follow, signal };
}

function isEndless(args: ReadBounds, upper?: unknown): boolean {
	const { follow, limit, maxTimestamp } = checkArgs(args);
	return follow === true && (limit === undefined || limit === 0) && maxTimestamp === undefined && upper === undefined;
}

/** A read that is over before it starts: its bounds leave nothing. */
const NOTHING: PageSource = { signal: undefined, next: () => Promise.resolve(undefined), close() {} };

function open(slot: EngineSlot, make: () => PageSource): PageSource {
	const source = make();
	if (slot.closed) throw closedError();
	return source;
}

export function consumeSegment(slot: EngineSlot, args: ConsumeSegment): EntryStream {
	const start = (): PageSource => {
		const { space, segment, offset } = checkArgs(args);
		checkName("space", space);
		checkName("segment", segment);
		const bounds = checkBounds(args);
		const minSequence = optionalInteger("minSequence", args.minSequence, 0, undefined);
		const maxSequence = optionalInteger("maxSequence", args.maxSequence, 0, undefined);
		if (minSequence !== undefined && maxSequence !== undefined && minSequence > maxSequence) {
			throw invalid("minSequence", "must not be above maxSequence");
		}
		let from = Math.max(1, minSequence ?? 1);
		if (offset !== undefined) {
			if (minSequence !== undefined) throw invalid("offset", "must not be given together with minSequence");
			from = parseSegmentOffset("offset", offset, space, segment) + 1;
		}
		if (from > (maxSequence ?? Number.MAX_SAFE_INTEGER)) return NOTHING;
		const { minTimestamp, maxTimestamp, limit, follow, signal } = bounds;
		return new PageReader(slot, {
			space,
			read: (engine, [next], maxEntries, maxBytes) =>
				engine.readSegment(space, segment, next, maxSequence ?? 0, minTimestamp, maxTimestamp, maxEntries, maxBytes),
			from: [from, 0],
			limit,
			follow,
			signal,
			maxBytes: PAGE_BYTES,
		});
	};
	return new Entries(
		() => open(slot, start),
		() => isEndless(args, checkArgs(args).maxSequence),
	);
}

function spacePlan(space: string, ms: number, n: number, bounds: Bounds): Omit<ReadPlan, "maxBytes"> {
	const { minTimestamp, maxTimestamp, limit, follow, signal } = bounds;
	return {
		space,
		read: (engine, [passedMs, passedN], maxEntries, maxBytes) =>
			engine.readSpace(space, passedMs, passedN, minTimestamp, maxTimestamp, maxEntries, maxBytes),
		from: [ms, n],
		limit,
		follow,
		signal,
	};
}

export function consumeSpace(slot: EngineSlot, args: ConsumeSpace): EntryStream {
	const start = (): PageSource => {
		const { space, offset } = checkArgs(args);
		checkName("space", space);
		const bounds = checkBounds(args);
		const { ms, n } = parseSpaceOffset("offset", offset === undefined ? "" : offset, space);
		return new PageReader(slot, { ...spacePlan(space, ms, n, bounds), maxBytes: PAGE_BYTES });
	};
	return new Entries(
		() => open(slot, start),
		() => isEndless(args),
	);
}

export function consume(slot: EngineSlot, args: Consume): EntryStream {
	const start = (): PageSource => {
		const { offsets } = checkArgs(args);
		if (!isRecord(offsets)) {
			throw invalid("offsets", "must be an object of space names and the offsets to resume after");
		}
		const bounds = checkBounds(args);
		const spaces = Object.keys(offsets);
		for (const space of spaces) checkName("offsets key", space);
		spaces.sort(compareUtf8);
		const plans = spaces.map((space) => {
			const offset = offsets[space];
			const { ms, n } = parseSpaceOffset(
				`offsets[${JSON.stringify(space)}]`,
				offset === undefined ? "" : offset,
				space,
			);
			return spacePlan(space, ms, n, { ...bounds, limit: 0 });
		});
		return new MergeReader(slot, bounds, plans);
	};
	return new Entries(
		() => open(slot, start),
		() => isEndless(args),
	);
}
