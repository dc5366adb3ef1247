import type { Durability, RecordInput, Store } from "streamkit";
import { withStored } from "./stored.js";

/** A record and where it belongs. */
export interface Write {
	readonly space: string;
	readonly segment: string;
	readonly record: RecordInput;
	/** The line of the input it came from. */
	readonly line: number;
	/** About how much of the input it is. */
	readonly bytes: number;
}

// What is gathered before it is written: enough for a commit's fixed cost to vanish.
const WINDOW_BYTES = 1 << 20;
const WINDOW_RECORDS = 4096;
// Shorter runs are appended record by record: those share commits with what comes before and after.
const LONG_RUN = 64;
const MOST_SEGMENTS_COUNTED = 100_000;

const PLAIN_NAME = /^[\x20-\x7e]{1,128}$/;
const PLAIN_LENGTH = 64 * 1024;
const LONE_SURROGATE = /\p{Cs}/u;

interface Failure {
	readonly error: unknown;
	readonly line: number;
}

/** How records are written. */
export interface WriterOptions {
	readonly signal: AbortSignal;
	readonly durability: Durability;
	/** Keep the order within each segment only. */
	readonly grouped?: boolean | undefined;
}

/**
 * Writes records of any segments in the order in which they come, also across the segments of a space: appends
 * arrive in that order and share commits. Holds one window of them in memory.
 */
export class OrderedWriter {
	readonly #store: Store;
	readonly #options: WriterOptions;
	readonly #segments = new Set<string>();
	#window: Write[] = [];
	#windowBytes = 0;
	#writing: Promise<void> = Promise.resolve();
	/** Entries that are stored. */
	stored = 0;

	constructor(store: Store, options: WriterOptions) {
		this.#store = store;
		this.#options = options;
	}

	/** How many segments were written to; undefined when there are too many to remember. */
	get segments(): number | undefined {
		return this.#segments.size > MOST_SEGMENTS_COUNTED ? undefined : this.#segments.size;
	}

	/** Gathers a record. True: the window is full, and flush is to be called. */
	add(write: Write): boolean {
		this.#window.push(write);
		this.#windowBytes += write.bytes;
		// Grouped, more at once makes for longer runs.
		const windows = this.#options.grouped === true ? 8 : 1;
		return this.#windowBytes >= windows * WINDOW_BYTES || this.#window.length >= windows * WINDOW_RECORDS;
	}

	/** Starts writing what was gathered, once what was gathered before is stored. */
	async flush(): Promise<void> {
		await this.#writing;
		const window = this.#options.grouped === true ? bySegment(this.#window) : this.#window;
		this.#window = [];
		this.#windowBytes = 0;
		this.#writing = this.#write(window);
		// It is looked at when it is waited for.
		this.#writing.catch(() => {});
	}

	/** Writes the rest; resolves when all is stored. */
	async finish(): Promise<void> {
		await this.flush();
		await this.#writing;
	}

	/** Resolves when nothing is being written any more, whatever came of it. */
	async settled(): Promise<void> {
		await this.#writing.catch(() => {});
	}

	async #write(window: readonly Write[]): Promise<void> {
		const failures: Failure[] = [];
		let queued: Promise<void>[] = [];
		for (let from = 0; from < window.length; ) {
			if (this.#options.signal.aborted) break;
			const { to, together } = nextRun(window, from);
			const run = window.slice(from, to);
			this.#count(run[0] as Write);
			if (together && run.length < LONG_RUN) {
				for (const write of run) queued.push(this.#publish(write, failures));
			} else {
				// Nothing may be stored after something that was refused, and what is produced is queued a few turns later.
				await Promise.all(queued);
				queued = [];
				if (failures.length > 0) break;
				await (run.length < LONG_RUN ? this.#publish(run[0] as Write, failures) : this.#produce(run, failures));
				if (failures.length > 0) break;
			}
			from = to;
		}
		await Promise.all(queued);
		const [failure] = failures.sort((a, b) => a.line - b.line);
		if (failure !== undefined) throw withStored(failure.error, this.stored, "entries", failure.line);
		// Only now: until all that was queued has ended, it is not known how much is stored.
		this.#options.signal.throwIfAborted();
	}

	#count({ space, segment }: Write): void {
		if (this.#segments.size <= MOST_SEGMENTS_COUNTED) this.#segments.add(`${space}\0${segment}`);
	}

	#publish({ space, segment, record, line }: Write, failures: Failure[]): Promise<void> {
		const { payload, metadata, sequence } = record;
		return this.#store
			.publish(space, segment, payload, {
				metadata,
				expectedSequence: sequence === undefined ? undefined : sequence - 1,
				durability: this.#options.durability,
			})
			.then(
				() => {
					this.stored += 1;
				},
				(error) => {
					failures.push({ error, line });
				},
			);
	}

	async #produce(run: readonly Write[], failures: Failure[]): Promise<void> {
		const { space, segment, line } = run[0] as Write;
		try {
			const records = run.map(({ record }) => record);
			await this.#store.produce(space, segment, records, { durability: this.#options.durability });
			this.stored += run.length;
		} catch (error) {
			// records[n] is the record at fault; a run that was stored in part says how far.
			const at = Number(/^records\[(\d+)\]/.exec((error as Error).message)?.[1] ?? 0);
			failures.push({ error, line: run[at]?.line ?? line });
		}
	}
}

/** The same records, those of each segment together. */
function bySegment(window: readonly Write[]): Write[] {
	const groups = new Map<string, Write[]>();
	for (const write of window) {
		const key = `${write.space}\0${write.segment}`;
		const group = groups.get(key);
		if (group === undefined) groups.set(key, [write]);
		else group.push(write);
	}
	return [...groups.values()].flat();
}

/**
 * The run of records of one segment that begins there. together: whether they can be queued with others, since nothing
 * about them as they stand can be refused; one that might be comes alone.
 */
function nextRun(window: readonly Write[], from: number): { to: number; together: boolean } {
	const first = window[from] as Write;
	if (!isPlain(first)) return { to: from + 1, together: false };
	let to = from + 1;
	for (;;) {
		const next = window[to];
		if (next?.segment !== first.segment || next.space !== first.space || !isPlain(next)) return { to, together: true };
		to += 1;
	}
}

/** Whether a record is certainly within the rules for names, text and sizes. */
function isPlain({ space, segment, record: { payload, metadata } }: Write): boolean {
	let length = payload.length;
	if (metadata !== undefined) {
		for (const [name, value] of Object.entries(metadata)) {
			if (!PLAIN_NAME.test(name) || LONE_SURROGATE.test(value)) return false;
			length += value.length;
		}
	}
	return (
		length <= PLAIN_LENGTH &&
		PLAIN_NAME.test(segment) &&
		PLAIN_NAME.test(space) &&
		(typeof payload !== "string" || !LONE_SURROGATE.test(payload))
	);
}
