import type { Bytes } from "../common/bytes.js";
import {
	checkInteger,
	checkName,
	checkSignal,
	optionalInteger,
	optionalText,
	optionsObject,
} from "../common/validate.js";
import type { Engine } from "../engine/abi.js";
import type { EngineSlot } from "../engine/slot.js";
import { invalid } from "../errors.js";
import { FrameReader } from "../framing/reader.js";
import type { Abortable, ListOptions } from "../types.js";
import { fullWrite } from "../writing/full-write.js";
import type { StreamContext } from "./context.js";
import { idText } from "./ids.js";
import type { StreamInfo, StreamOptions } from "./types.js";

const MOST_PARTITIONS = 65_536;
const PAGE_STREAMS = 1000;

type Bounds = [maxAge: number, maxCount: number, maxBytes: number];

/** The bounds of a retention, 0 for none. */
function checkRetention(retention: unknown): Bounds {
	if (retention === undefined) return [0, 0, 0];
	if (typeof retention !== "object" || retention === null || Array.isArray(retention)) {
		throw invalid("retention", "must be an object {maxAge?, maxCount?, maxBytes?}");
	}
	const { maxAge, maxCount, maxBytes } = retention as NonNullable<StreamOptions["retention"]>;
	return [
		optionalInteger("retention.maxAge", maxAge, 1, 0),
		optionalInteger("retention.maxCount", maxCount, 1, 0),
		optionalInteger("retention.maxBytes", maxBytes, 1, 0),
	];
}

function readStream(reader: FrameReader): StreamInfo {
	const name = reader.text();
	const partitions = reader.u32();
	const firstId = idText(reader.u64(), reader.u64());
	const lastId = idText(reader.u64(), reader.u64());
	const count = reader.u64();
	const bytes = reader.u64();
	const [maxAge, maxCount, maxBytes] = [reader.u64(), reader.u64(), reader.u64()];
	const createdAt = reader.u64();
	const info: StreamInfo = { name, partitions, firstId, lastId, count, bytes, createdAt };
	if (maxAge > 0 || maxCount > 0 || maxBytes > 0) {
		info.retention = {
			...(maxAge > 0 ? { maxAge } : {}),
			...(maxCount > 0 ? { maxCount } : {}),
			...(maxBytes > 0 ? { maxBytes } : {}),
		};
	}
	return info;
}

/** A stream as a call gave it. */
function met({ sweeper }: StreamContext, frame: Bytes): StreamInfo {
	const info = readStream(new FrameReader(frame));
	if (info.retention !== undefined) sweeper.met();
	return info;
}

/** Creates a stream. */
export async function createStream(
	context: StreamContext,
	name: string,
	input: (StreamOptions & Abortable) | undefined,
): Promise<StreamInfo> {
	checkName("name", name);
	const options = optionsObject(input);
	const partitions = optionalInteger("partitions", options.partitions, 1, 1, MOST_PARTITIONS);
	const [maxAge, maxCount, maxBytes] = checkRetention(options.retention);
	const signal = checkSignal(options.signal);
	const create = (engine: Engine, tag: number): Promise<Bytes> =>
		engine.streamCreate(name, partitions, maxAge, maxCount, maxBytes, tag);
	return met(context, await fullWrite(context.slot, signal, create));
}

/** Changes a stream's retention. */
export async function alterStream(
	context: StreamContext,
	name: string,
	input: { retention: NonNullable<StreamOptions["retention"]> | null } & Abortable,
): Promise<StreamInfo> {
	checkName("name", name);
	if (typeof input !== "object" || input === null) throw invalid("options", "must be an object {retention}");
	if (input.retention === undefined) {
		throw invalid("retention", "must be an object {maxAge?, maxCount?, maxBytes?}, or null to keep everything");
	}
	const [maxAge, maxCount, maxBytes] = checkRetention(input.retention ?? undefined);
	const signal = checkSignal(input.signal);
	const alter = (engine: Engine, tag: number): Promise<Bytes> =>
		engine.streamAlter(name, maxAge, maxCount, maxBytes, tag);
	return met(context, await fullWrite(context.slot, signal, alter));
}

/** Deletes a stream. */
export async function deleteStream(
	{ slot }: StreamContext,
	name: string,
	input: ({ force?: boolean | undefined } & Abortable) | undefined,
): Promise<void> {
	checkName("name", name);
	const options = optionsObject(input);
	const { force = false } = options;
	if (typeof force !== "boolean") throw invalid("force", "must be true or false");
	const signal = checkSignal(options.signal);
	await fullWrite(slot, signal, (engine, tag) => engine.streamDelete(name, force, tag));
}

/** A stream as it stands. */
export async function streamInfo(context: StreamContext, name: string, input?: Abortable): Promise<StreamInfo> {
	checkName("name", name);
	const signal = checkSignal(optionsObject(input).signal);
	return met(context, await context.slot.callFull("read", (engine) => engine.streamInfo(name), signal));
}

/** Some streams in byte order of their names, and the name to go on after if there are more. */
export async function pageOfStreams(
	slot: EngineSlot,
	{ after, prefix, limit, signal }: ListOptions & { limit: number },
): Promise<{ streams: StreamInfo[]; rest: string | undefined }> {
	const bytes = await slot.callFull("read", (engine) => engine.streamList(after, prefix, limit), signal);
	const reader = new FrameReader(bytes);
	const rest = reader.text();
	const streams = Array.from({ length: reader.u32() }, () => readStream(reader));
	return { streams, rest: rest === "" ? undefined : rest };
}

/** The streams, in byte order of their names. */
export async function listStreams({ slot }: StreamContext, input: ListOptions | undefined): Promise<StreamInfo[]> {
	const options = optionsObject(input);
	const prefix = optionalText("prefix", options.prefix);
	let after = optionalText("after", options.after);
	if (options.limit !== undefined) checkInteger("limit", options.limit, 0);
	const limit = options.limit === undefined || options.limit === 0 ? Number.POSITIVE_INFINITY : options.limit;
	const signal = checkSignal(options.signal);
	const streams: StreamInfo[] = [];
	for (;;) {
		if (signal?.aborted === true) throw signal.reason;
		const most = Math.min(limit - streams.length, PAGE_STREAMS);
		const page = await pageOfStreams(slot, { after, prefix, limit: most, signal });
		for (const info of page.streams) streams.push(info);
		if (page.rest === undefined || streams.length >= limit) return streams;
		after = page.rest;
	}
}
