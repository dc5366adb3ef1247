import type { Handle } from "../common/timers.js";
import type { EngineSlot } from "../engine/slot.js";
import { isStreamkitError } from "../errors.js";

// What one turn looks at: a store of very many spaces takes several turns.
const STEPS_A_TURN = 4;
// How often it is looked whether any stream has a retention: every so many turns, but in this many milliseconds at
// least.
const LOOK_TURNS = 60;
const LOOK_MILLISECONDS = 600_000;

/** What a look needs of some of the streams, and the name to go on after if there are more. */
interface SeenStreams {
	readonly streams: readonly { readonly retention?: unknown }[];
	readonly rest: string | undefined;
}

/**
 * Applies the retention of all streams now and then, while this instance knows of a stream that has one. It looks for
 * such streams when streams are used: at first, and rarely after that. An idle store without any is left alone: on
 * hosts where calls are paid for, and a timer keeps an object awake, that is most of what it would cost.
 */
export class Sweeper {
	readonly #slot: EngineSlot;
	readonly #list: (after: string | undefined) => Promise<SeenStreams> | undefined;
	readonly #interval: number;
	readonly #rarely: number;
	#timer: Handle | undefined;
	/** Where the pass of a sweep goes on, and that of a look. */
	#after: string | undefined;
	#lookAfter: string | undefined;
	/** When the last look ended. */
	#looked = Number.NEGATIVE_INFINITY;
	/** Whether a stream with a retention was met since the last look began. */
	#met = false;
	/** Whether there may be something to do. */
	#active = false;

	/** list: gives the streams from after this name on; undefined while the full engine is not there to ask. */
	constructor(slot: EngineSlot, list: (after: string | undefined) => Promise<SeenStreams> | undefined) {
		this.#slot = slot;
		this.#list = list;
		this.#interval = slot.options.retentionInterval;
		this.#rarely = Math.max(Math.min(this.#interval * LOOK_TURNS, LOOK_MILLISECONDS), this.#interval);
		slot.onClose(() => clearTimeout(this.#timer));
	}

	/** Streams are used: looks again, if the last look was long ago. */
	used(): void {
		if (this.#interval > 0 && this.#timer === undefined && this.#isLookDue()) this.#schedule();
	}

	/** A stream with a retention was met. */
	met(): void {
		this.#met = true;
		this.#active = true;
		if (this.#timer === undefined) this.#schedule();
	}

	#isLookDue(): boolean {
		return performance.now() - this.#looked >= this.#rarely;
	}

	#schedule(): void {
		if (this.#interval === 0 || this.#slot.closed) return;
		const timer = setTimeout(() => void this.#turn(), Math.min(Math.max(this.#interval, 1), 0x7fffffff));
		(timer as { unref?: () => unknown }).unref?.();
		this.#timer = timer;
	}

	async #turn(): Promise<void> {
		let ended = false;
		try {
			// The light engine appends, and has no sweep. A call that needs the full one begins again.
			if (this.#slot.isFull) {
				ended = await this.#sweep();
				if (ended && this.#isLookDue()) ended = await this.#look();
			}
		} catch (error) {
			// The next turn tries again; what is wrong shows where the stream is used. A host that is over stays so.
			const isOver = isStreamkitError(error, "UNAVAILABLE") && !error.retryable;
			this.#active = !isOver;
			ended = isOver;
		}
		this.#timer = undefined;
		if (this.#active || (this.#slot.isFull && !ended)) this.#schedule();
	}

	/** Goes on with the pass; whether it has come to its end. */
	async #sweep(): Promise<boolean> {
		for (let step = 0; step < STEPS_A_TURN && !this.#slot.closed; step++) {
			const after = this.#after;
			this.#after = await this.#slot.run("read", (engine) => engine.streamSweep(after));
			if (this.#after === undefined) return true;
		}
		return false;
	}

	/** The same for a look. */
	async #look(): Promise<boolean> {
		for (let step = 0; step < STEPS_A_TURN && !this.#slot.closed; step++) {
			const asked = this.#list(this.#lookAfter);
			if (asked === undefined) return false;
			if (this.#lookAfter === undefined) this.#met = false;
			const page = await asked;
			this.#met ||= page.streams.some(({ retention }) => retention !== undefined);
			this.#lookAfter = page.rest;
			if (this.#lookAfter !== undefined) continue;
			this.#active = this.#met;
			this.#looked = performance.now();
			return true;
		}
		return false;
	}
}
