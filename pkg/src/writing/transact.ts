import type { Bytes } from "../common/bytes.js";
import { encodeUtf8 } from "../common/utf8.js";
import { checkName, itemsOf } from "../common/validate.js";
import { fromEngine, invalid, isStreamkitError, limitExceeded } from "../errors.js";
import { readStatus } from "../framing/answers.js";
import { FrameWriter, transactFrame } from "../framing/record-frame.js";
import type { ProduceOptions, RecordInput, SegmentStatus } from "../types.js";
import { checkWriteOptions, isReady, later, type WriteContext } from "./writes.js";

/** One write of transact as given. */
export interface TransactWrite {
	space: string;
	segment: string;
	records: Iterable<RecordInput>;
}

/** What a transaction adds to one space so far: all of it must fit one commit. */
interface Total {
	bytes: number;
	records: number;
}

/** A write as it was given, read once: its properties may be getters. */
function checkWrite(at: string, write: TransactWrite): TransactWrite {
	if (typeof write !== "object" || write === null) throw invalid(at, "must be an object {space, segment, records}");
	const { space, segment, records } = write;
	checkName(`${at}.space`, space);
	checkName(`${at}.segment`, segment);
	if (typeof records !== "object" || records === null || typeof records[Symbol.iterator] !== "function") {
		throw invalid(`${at}.records`, "must be an iterable");
	}
	return { space, segment, records };
}

/** Frames the records of one write, and adds them to what its space gets. The frame is a copy. */
function frameOf(
	writer: FrameWriter,
	at: string,
	{ space, records }: TransactWrite,
	total: Total,
	limits: WriteContext["limits"],
): Bytes {
	const { maxRecordBytes, maxCommitBytes, maxCommitRecords } = limits;
	writer.reset();
	for (const record of itemsOf(`${at}.records`, records)) {
		if (typeof record !== "object" || record === null) {
			throw invalid(`${at}.records[${writer.count}]`, "must be an object {payload, metadata?, sequence?}");
		}
		try {
			writer.add(record.payload, record.metadata, record.sequence, maxRecordBytes, writer.count);
		} catch (error) {
			throw inWrite(error, at);
		}
		const count = total.records + writer.count;
		if (count > maxCommitRecords) {
			throw limitExceeded(`records in space ${JSON.stringify(space)}`, maxCommitRecords, count);
		}
		const bytes = total.bytes + writer.size();
		if (bytes > maxCommitBytes) throw limitExceeded(`bytes in space ${JSON.stringify(space)}`, maxCommitBytes, bytes);
	}
	if (writer.count === 0) throw invalid(`${at}.records`, "must hold at least one record");
	total.bytes += writer.size();
	total.records += writer.count;
	return writer.finish().slice();
}

/** An error about a record, with the write that the record is in. */
function inWrite(error: unknown, at: string): unknown {
	if (!isStreamkitError(error, "INVALID_ARGUMENT")) return error;
	return fromEngine({ code: error.code, message: `${at}.${error.message}`, details: error.details });
}

/** Appends to any number of segments and spaces, all or nothing. */
export async function transact(
	{ slot, limits }: WriteContext,
	writes: Iterable<TransactWrite>,
	input: Omit<ProduceOptions, "expectedSequence"> | undefined,
): Promise<SegmentStatus[]> {
	const options = checkWriteOptions(input);
	if (options.expected >= 0) throw invalid("expectedSequence", "transact takes record.sequence instead");
	if (typeof writes !== "object" || writes === null || typeof writes[Symbol.iterator] !== "function") {
		throw invalid("writes", "must be an iterable of {space, segment, records}");
	}
	const targets: { space: string; segment: string }[] = [];
	const frames: { space: Bytes; segment: Bytes; frame: Bytes }[] = [];
	const totals = new Map<string, Total>();
	const writer = new FrameWriter();
	for (const given of itemsOf("writes", writes)) {
		const at = `writes[${targets.length}]`;
		const write = checkWrite(at, given);
		const { space, segment } = write;
		const total = totals.get(space) ?? { bytes: 0, records: 0 };
		totals.set(space, total);
		const frame = frameOf(writer, at, write, total, limits);
		targets.push({ space, segment });
		frames.push({ space: encodeUtf8(space), segment: encodeUtf8(segment), frame });
	}
	if (targets.length === 0) throw invalid("writes", "must hold at least one write");
	const { signal, trxId, trxNumber, lease, durability } = options;
	const frame = transactFrame(frames);
	const tag = signal === undefined ? 0 : slot.nextTag();
	const hand = (): Promise<Float64Array> =>
		slot.run("write", (engine) => engine.transact(frame, trxId, trxNumber, lease, durability, tag), signal, tag);
	const numbers = await (isReady(slot, options) ? hand() : later(slot, options, hand));
	return targets.map(({ space, segment }, i) => readStatus(numbers, space, segment, 4 * i));
}
