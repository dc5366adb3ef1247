import type { Abortable, Entry, EntryStream, ListOptions } from "../types.js";
import { checkName } from "../validate.js";
import { appendToStream, type StreamRecords } from "./append.js";
import type { StreamContext } from "./context.js";
import { openGroup } from "./group.js";
import { alterStream, createStream, deleteStream, listStreams, streamInfo } from "./info.js";
import { followStream, readStream } from "./read.js";
import { Sweeper } from "./sweeper.js";
import { trimStream } from "./trim.js";
import type {
	AppendOptions,
	AppendResult,
	Group,
	ReadOptions,
	StreamInfo,
	StreamOptions,
	Streams,
	TrimOptions,
	TrimResult,
} from "./types.js";

/** The streams of a store. */
export class StoreStreams implements Streams {
	readonly #context: StreamContext;

	constructor(context: StreamContext) {
		this.#context = context;
		new Sweeper(context.slot).start();
	}

	create(name: string, options?: StreamOptions & Abortable): Promise<StreamInfo> {
		return createStream(this.#context, name, options);
	}

	alter(name: string, options: { retention: StreamOptions["retention"] | null } & Abortable): Promise<StreamInfo> {
		return alterStream(this.#context, name, options);
	}

	delete(name: string, options?: { force?: boolean | undefined } & Abortable): Promise<void> {
		return deleteStream(this.#context, name, options);
	}

	list(options?: ListOptions): Promise<StreamInfo[]> {
		return listStreams(this.#context, options);
	}

	info(name: string, options?: Abortable): Promise<StreamInfo> {
		return streamInfo(this.#context, name, options);
	}

	append(name: string, records: StreamRecords, options?: AppendOptions): Promise<AppendResult> {
		return appendToStream(this.#context, name, records, options);
	}

	read(name: string, options?: ReadOptions): Promise<Entry[]> {
		return readStream(this.#context, name, options);
	}

	follow(name: string, options?: Omit<ReadOptions, "block" | "limit">): EntryStream {
		return followStream(this.#context, name, options);
	}

	trim(name: string, how: TrimOptions, options?: Abortable): Promise<TrimResult> {
		return trimStream(this.#context, name, how, options);
	}

	group(stream: string, group: string): Group {
		checkName("stream", stream);
		checkName("group", group);
		return openGroup(this.#context, stream, group);
	}
}
