import { onAbort, sleep, unlessAborted } from "../common/abort.js";
import { randomUuid } from "../common/bytes.js";
import { checkName, checkSignal, optionalDuration, optionalFunction, optionsObject } from "../common/validate.js";
import { Yielder } from "../common/yielder.js";
import type { EngineSlot } from "../engine/slot.js";
import { invalid, isStreamkitError } from "../errors.js";
import { type Place, readChanges, readStatus } from "../framing/answers.js";
import type { SegmentStatus, StatusHandler, SubscribeOptions, Subscription } from "../types.js";

// Symbol.dispose is younger than the oldest runtimes this runs on.
const DISPOSE: typeof Symbol.dispose = Symbol.dispose ?? (Symbol.for("Symbol.dispose") as typeof Symbol.dispose);

interface Target {
	readonly space: string;
	/** undefined: all segments of the space. */
	readonly segment: string | undefined;
}

class StatusSubscription implements Subscription {
	readonly id = randomUuid();
	readonly closed: Promise<void>;
	#status: "active" | "closed" | "failed" = "active";
	readonly #slot: EngineSlot;
	readonly #target: Target;
	readonly #handler: StatusHandler;
	readonly #onError: ((error: unknown) => void) | undefined;
	readonly #heartbeat: number | undefined;
	readonly #signal: AbortSignal | undefined;
	#unheed: (() => void) | undefined;
	readonly #stop = new AbortController();
	#resolve!: () => void;
	#reject!: (error: unknown) => void;
	/** The latest status of every segment that the handler has not been told of yet, oldest change first. */
	readonly #due = new Map<string, SegmentStatus>();
	/** The latest status of every segment: a look may bring one that was told already. */
	readonly #known = new Map<string, SegmentStatus>();
	#last: SegmentStatus | undefined;
	#calling = false;
	#beat: ReturnType<typeof setTimeout> | undefined;
	/** Where the space stood at the last look; undefined: every status is to be told. */
	#next: Place | undefined;
	#trimmed: Place = { ms: 0, n: 0 };

	constructor(slot: EngineSlot, target: Target, handler: StatusHandler, input: SubscribeOptions | undefined) {
		const options = optionsObject(input);
		if (typeof handler !== "function") throw invalid("handler", "must be a function");
		this.#signal = checkSignal(options.signal);
		this.#heartbeat = optionalDuration("heartbeat", options.heartbeat, undefined);
		if (this.#heartbeat === 0) throw invalid("heartbeat", "must be above 0");
		this.#onError = optionalFunction("onError", options.onError);
		this.#slot = slot;
		this.#target = target;
		this.#handler = handler;
		this.closed = new Promise((resolve, reject) => {
			this.#resolve = resolve;
			this.#reject = reject;
		});
		// Nobody has to look at it.
		this.closed.catch(() => {});
	}

	get status(): "active" | "closed" | "failed" {
		return this.#status;
	}

	/** Reads the statuses there are; from then on no change is missed. */
	async start(): Promise<void> {
		this.#unheed = this.#signal && onAbort(this.#signal, () => this.unsubscribe());
		try {
			// One that fired before it was listened to tells nobody again.
			if (this.#signal?.aborted === true) throw this.#signal.reason;
			const epoch = await this.#poll();
			void this.#run(epoch);
		} catch (error) {
			const reason = this.#signal?.aborted === true ? this.#signal.reason : error;
			this.#finish("failed", reason);
			throw reason;
		}
		void this.#deliver();
	}

	unsubscribe(): void {
		this.#finish("closed", undefined);
	}

	[DISPOSE](): void {
		this.unsubscribe();
	}

	#finish(status: "closed" | "failed", error: unknown): void {
		if (this.#status !== "active") return;
		this.#status = status;
		this.#unheed?.();
		clearTimeout(this.#beat);
		this.#due.clear();
		this.#stop.abort();
		if (status === "closed") this.#resolve();
		else this.#reject(error);
	}

	/** Takes in what changed; the epoch to wait for the next change from. */
	async #poll(): Promise<number> {
		const slot = this.#slot;
		const { space, segment } = this.#target;
		while (slot.engine === undefined || slot.closed) await unlessAborted(slot.ready(), this.#stop.signal);
		const epoch = slot.epoch();
		const signal = this.#stop.signal;
		const { ms, n } = this.#next ?? { ms: -1, n: 0 };
		const bytes = await slot.run("read", (engine) => engine.changes(space, segment, ms, n), signal);
		const { next, trimmed, statuses } = readChanges(bytes, space);
		for (const status of statuses) this.#take(status);
		// The first look has seen what the trim left.
		for (const name of this.#next === undefined ? [] : this.#trimmedSince(trimmed)) {
			// Another instance of the engine may have taken over since.
			const numbers = await slot.call("read", (engine) => engine.status(space, name), signal);
			if (numbers !== undefined) this.#take(readStatus(numbers, space, name));
		}
		this.#next = next;
		this.#trimmed = trimmed;
		return epoch;
	}

	/** Segments whose first entry may have gone since the last look. */
	#trimmedSince(trimmed: Place): string[] {
		if (trimmed.ms === this.#trimmed.ms && trimmed.n === this.#trimmed.n) return [];
		const known = [...this.#known.values()];
		return known
			.filter((status) => status.firstSequence <= status.lastSequence && status.firstTimestamp <= trimmed.ms)
			.map((status) => status.segment);
	}

	#take(status: SegmentStatus): void {
		const before = this.#known.get(status.segment);
		if (before !== undefined && sameStatus(before, status)) return;
		this.#known.set(status.segment, status);
		this.#due.set(status.segment, status);
	}

	async #run(first: number): Promise<void> {
		const slot = this.#slot;
		const { signal } = this.#stop;
		let epoch: number | undefined = first;
		while (this.#status === "active") {
			try {
				if (epoch !== undefined) {
					const tag = slot.nextTag();
					await slot.wait(this.#target.space, epoch, -1, signal, tag);
				}
				epoch = undefined;
				epoch = await this.#poll();
				void this.#deliver();
			} catch (error) {
				if (this.#status !== "active") return;
				if (slot.closed) {
					this.#finish("closed", undefined);
				} else if (isStreamkitError(error) && error.retryable) {
					// The host may come back: then all statuses are told again, as at the start.
					epoch = undefined;
					this.#next = undefined;
					this.#known.clear();
					this.#report(error);
					// The host is left alone for a while, but for the end of the store.
					await slot.unlessClosed(sleep(slot.options.pollInterval, signal)).catch(() => {});
				} else {
					this.#finish("failed", error);
				}
			}
		}
	}

	/** Hands out what is due, one call after the other. */
	async #deliver(): Promise<void> {
		// A look that finds nothing must not put off the heartbeat.
		if (this.#calling || this.#due.size === 0) return;
		this.#calling = true;
		try {
			const yielder = new Yielder();
			// What becomes due meanwhile comes at the end. One iterator: each new one would pass over all that was deleted.
			for (const segment of this.#due.keys()) {
				// A handler need not wait for anything, and there may be very many segments.
				if (yielder.due(false)) await yielder.next();
				if (this.#status !== "active") return;
				// Only now: it may have changed once more meanwhile.
				const status = this.#due.get(segment) as SegmentStatus;
				this.#due.delete(segment);
				this.#last = status;
				clearTimeout(this.#beat);
				await this.#tell(status);
			}
		} finally {
			this.#calling = false;
			this.#armHeartbeat();
		}
	}

	async #tell(status: SegmentStatus): Promise<void> {
		try {
			await this.#handler(status);
		} catch (error) {
			this.#report(error);
		}
	}

	#report(error: unknown): void {
		// There is nobody left to tell of what it throws, at once or later.
		(async () => this.#onError?.(error))().catch(() => {});
	}

	#armHeartbeat(): void {
		clearTimeout(this.#beat);
		if (this.#heartbeat === undefined || this.#status !== "active" || this.#last === undefined) return;
		this.#beat = setTimeout(() => void this.#sendHeartbeat(), Math.min(this.#heartbeat, 0x7fffffff));
	}

	async #sendHeartbeat(): Promise<void> {
		if (this.#calling || this.#last === undefined || this.#status !== "active") return;
		this.#calling = true;
		try {
			await this.#tell({ ...this.#last, heartbeat: true });
		} finally {
			this.#calling = false;
			this.#armHeartbeat();
		}
		// A change that came meanwhile found the handler busy.
		await this.#deliver();
	}
}

function sameStatus(a: SegmentStatus, b: SegmentStatus): boolean {
	return (
		a.firstSequence === b.firstSequence &&
		a.firstTimestamp === b.firstTimestamp &&
		a.lastSequence === b.lastSequence &&
		a.lastTimestamp === b.lastTimestamp
	);
}

/** Subscribes to one segment, or to all of a space. */
export async function subscribe(
	slot: EngineSlot,
	target: Target,
	handler: StatusHandler,
	options: SubscribeOptions | undefined,
): Promise<Subscription> {
	checkName("space", target.space);
	if (target.segment !== undefined) checkName("segment", target.segment);
	const subscription = new StatusSubscription(slot, target, handler, options);
	await subscription.start();
	return subscription;
}
