import type { Bytes } from "../common/bytes.js";
import { isUint8Array } from "../common/bytes.js";
import { isWellFormed } from "../common/utf8.js";
import { checkInteger, checkName, isRecord, optionsObject } from "../common/validate.js";
import type { EngineSlot } from "../engine/slot.js";
import { invalid, limitExceeded } from "../errors.js";
import { giveBack, takeWriter } from "../framing/frame-pool.js";
import type { FrameWriter } from "../framing/record-frame.js";
import type { RecordInput } from "../types.js";
import { checkWriteOptions, type WriteOptions } from "../writing/writes.js";
import type { StreamContext } from "./context.js";
import { idText } from "./ids.js";
import type { AppendOptions, AppendResult } from "./types.js";

/** The metadata under which a record keeps the key that chose its partition. */
const PARTITION_KEY = "partition-key";

type Metadata = Readonly<Record<string, string>>;

/** What may be appended: one record, or several. */
export type StreamRecords = string | Uint8Array | RecordInput | readonly (string | Uint8Array | RecordInput)[];

/** Which partition: by number (-1: none) or by key. */
export interface PartitionOptions {
	readonly partition: number;
	readonly partitionKey: string | undefined;
}

/** Checks the two ways to name a partition. */
export function checkPartition(options: {
	partition?: number | undefined;
	partitionKey?: string | undefined;
}): PartitionOptions {
	const { partition, partitionKey } = options;
	if (partition !== undefined) checkInteger("partition", partition, 0, 0xffff_ffff);
	if (partitionKey !== undefined) {
		if (typeof partitionKey !== "string" || partitionKey === "") {
			throw invalid("partitionKey", "must be a string that is not empty");
		}
		if (!isWellFormed(partitionKey)) throw invalid("partitionKey", "must be well-formed UTF-16 (no lone surrogates)");
		if (partition !== undefined) throw invalid("partition", "must not be given together with partitionKey");
	}
	return { partition: partition ?? -1, partitionKey };
}

function checkHeaders(headers: unknown, partitionKey: string | undefined): Metadata | undefined {
	if (headers !== undefined) {
		if (!isRecord(headers)) throw invalid("headers", "must be an object of strings");
		for (const [key, value] of Object.entries(headers)) {
			if (typeof value !== "string" || !isWellFormed(key) || !isWellFormed(value))
				throw invalid(`headers[${JSON.stringify(key)}]`, "must be a string, it and its key well-formed UTF-16");
		}
		checkNoKey("headers", headers as Metadata);
	}
	if (partitionKey === undefined) return headers as Metadata | undefined;
	return { ...(headers as Metadata | undefined), [PARTITION_KEY]: partitionKey };
}

function checkNoKey(argument: string, metadata: Metadata): void {
	if (Object.hasOwn(metadata, PARTITION_KEY)) {
		throw invalid(`${argument}["${PARTITION_KEY}"]`, "must not be given: it is set by partitionKey alone");
	}
}

/** A record's own metadata over what all records of the call get. */
function merged(index: number, common: Metadata | undefined, own: Metadata | undefined): Metadata | undefined {
	if (own === undefined) return common;
	// What is no object of strings is refused where it is written.
	if (!isRecord(own)) return own;
	checkNoKey(`records[${index}].metadata`, own);
	return common === undefined ? own : { ...common, ...own };
}

/** Appends records to one partition of a stream. They are taken before this returns. */
export function appendToStream(
	context: StreamContext,
	name: string,
	records: StreamRecords,
	input: AppendOptions | undefined,
): Promise<AppendResult> {
	const { slot, limits } = context;
	const writer = takeWriter();
	try {
		checkName("name", name);
		const options = optionsObject(input);
		const choice = checkPartition(options);
		const common = checkHeaders(options.headers, choice.partitionKey);
		if ((options as { expectedSequence?: unknown }).expectedSequence !== undefined) {
			throw invalid("expectedSequence", "an append to a stream takes record.sequence instead");
		}
		const write = checkWriteOptions(input);
		const start = (frame: Bytes) => append(slot, name, frame, choice, write);
		const frame = frameOf(writer, records, common, limits);
		if (slot.takesWrites(true)) return start(frame);
		const kept = frame.slice();
		return slot.inLine(true, () => start(kept), write.signal);
	} catch (error) {
		return Promise.reject(error);
	} finally {
		giveBack(writer);
	}
}

/** The engine has taken the frame over when this returns. */
function append(
	slot: EngineSlot,
	name: string,
	frame: Bytes,
	{ partition, partitionKey }: PartitionOptions,
	{ signal, trxId, trxNumber, lease, durability }: WriteOptions,
): Promise<AppendResult> {
	return slot.write(
		(engine, call, tag) =>
			engine.streamAppend(name, frame, partition, partitionKey, trxId, trxNumber, lease, durability, tag, call),
		result,
		signal,
	);
}

function result(firstMs: number, firstN: number, lastMs: number, lastN: number, partition: number): AppendResult {
	return { firstId: idText(firstMs, firstN), lastId: idText(lastMs, lastN), count: lastN - firstN + 1, partition };
}

function frameOf(
	writer: FrameWriter,
	records: StreamRecords,
	common: Metadata | undefined,
	limits: StreamContext["limits"],
): Bytes {
	const all: readonly unknown[] = Array.isArray(records) ? records : [records];
	const { length } = all;
	if (length === 0) throw invalid("records", "must hold at least one record");
	if (length > limits.maxCommitRecords) {
		throw limitExceeded("records of one append", limits.maxCommitRecords, length);
	}
	for (let index = 0; index < length; index++) {
		const record = all[index];
		if (typeof record === "string" || isUint8Array(record)) {
			writer.add(record, common, undefined, limits.maxRecordBytes, index);
		} else {
			if (typeof record !== "object" || record === null || Array.isArray(record)) {
				throw invalid(
					`records[${index}]`,
					"must be a string, a Uint8Array or an object {payload, metadata?, sequence?}",
				);
			}
			const { payload, metadata, sequence } = record as RecordInput;
			writer.add(payload, merged(index, common, metadata), sequence, limits.maxRecordBytes, index);
		}
		if (writer.size() > limits.maxCommitBytes) {
			throw limitExceeded("bytes of one append", limits.maxCommitBytes, writer.size());
		}
	}
	return writer.finish();
}
