import { checkName, checkSignal, optionsObject } from "../common/validate.js";
import { Entries } from "../reading/entry-stream.js";
import { LateSource } from "../reading/late-source.js";
import type { PageSource } from "../reading/page-reader.js";
import { callsOf, type FullCalls, withCalls } from "../store/with-calls.js";
import type { Abortable, Entry, EntryStream, ListOptions } from "../types.js";
import { appendToStream, type StreamRecords } from "./append.js";
import type { StreamContext } from "./context.js";
import { LateGroup } from "./late-group.js";
import { endNow, startsNow } from "./starts-now.js";
import { Sweeper } from "./sweeper.js";
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

// How many streams a look for retentions reads at a time.
const LOOK_STREAMS = 1000;

/** The streams of a store. */
export class StoreStreams implements Streams {
	readonly #context: StreamContext;

	constructor(parts: Omit<StreamContext, "sweeper">) {
		const { slot } = parts;
		const sweeper = new Sweeper(slot, (after) => callsOf(slot)?.pageOfStreams(slot, { after, limit: LOOK_STREAMS }));
		this.#context = { ...parts, sweeper };
		sweeper.used();
	}

	create(name: string, options?: StreamOptions & Abortable): Promise<StreamInfo> {
		return this.#with(name, options, (calls, context) => calls.createStream(context, name, options));
	}

	alter(
		name: string,
		options: { retention: NonNullable<StreamOptions["retention"]> | null } & Abortable,
	): Promise<StreamInfo> {
		return this.#with(name, options, (calls, context) => calls.alterStream(context, name, options));
	}

	delete(name: string, options?: { force?: boolean | undefined } & Abortable): Promise<void> {
		return this.#with(name, options, (calls, context) => calls.deleteStream(context, name, options));
	}

	list(options?: ListOptions): Promise<StreamInfo[]> {
		return this.#with("", options, (calls, context) => calls.listStreams(context, options));
	}

	info(name: string, options?: Abortable): Promise<StreamInfo> {
		return this.#with(name, options, (calls, context) => calls.streamInfo(context, name, options));
	}

	append(name: string, records: StreamRecords, options?: AppendOptions): Promise<AppendResult> {
		this.#context.sweeper.used();
		// Not loaded later: the records are taken over before this returns.
		return appendToStream(this.#context, name, records, options);
	}

	read(name: string, options?: ReadOptions): Promise<Entry[]> {
		return this.#with(name, options, (calls, context) => calls.readStream(context, name, options));
	}

	follow(name: string, options?: Omit<ReadOptions, "block" | "limit">): EntryStream {
		const { slot } = this.#context;
		const load = (): Promise<() => PageSource> =>
			this.#with(name, options, async (calls, context) => calls.openFollow(context, name, options));
		// "From now on" is from this call on.
		const begun = startsNow(options) ? load() : undefined;
		begun?.catch(() => {});
		const open = (): PageSource => {
			const calls = callsOf(slot);
			if (calls !== undefined && begun === undefined) return calls.openFollow(this.#context, name, options)();
			const signal = checkSignal(optionsObject(options).signal);
			return new LateSource(
				signal,
				(begun ?? load()).then((start) => start()),
			);
		};
		return new Entries(open, () => options?.end === undefined);
	}

	trim(name: string, how: TrimOptions, options?: Abortable): Promise<TrimResult> {
		return this.#with(name, options, (calls, context) => calls.trimStream(context, name, how, options));
	}

	group(stream: string, group: string): Group {
		checkName("stream", stream);
		checkName("group", group);
		const context = this.#context;
		const loaded = callsOf(context.slot);
		if (loaded !== undefined) return loaded.openGroup(context, stream, group);
		return new LateGroup((options, call) =>
			this.#with(stream, options, (calls, late) => call(calls.openGroup(late, stream, group))),
		);
	}

	/** Makes a call. name: of the stream, where the call may begin at its end. */
	#with<T>(name: string, options: unknown, make: (calls: FullCalls, context: StreamContext) => Promise<T>): Promise<T> {
		const context = this.#context;
		const { slot } = context;
		context.sweeper.used();
		const end = !slot.isFull && startsNow(options) ? endNow(slot, name) : undefined;
		end?.catch(() => {});
		return withCalls(slot, options, (calls) => make(calls, { ...context, end }));
	}
}
