import type { EngineSlot } from "../engine/instance.js";
import type { Handle } from "../timers.js";

// What one turn looks at: a store of very many spaces takes several turns.
const STEPS_A_TURN = 4;

/** Applies the retention of all streams now and then, and never keeps a process alive for it. */
export class Sweeper {
	readonly #slot: EngineSlot;
	readonly #interval: number;
	#after: string | undefined;
	#timer: Handle | undefined;
	#started = false;

	constructor(slot: EngineSlot) {
		this.#slot = slot;
		this.#interval = slot.options.retentionInterval;
	}

	/** Begins, unless it has begun or is not wanted. Ends by itself when the store is closed. */
	start(): void {
		if (this.#started || this.#interval === 0) return;
		this.#started = true;
		this.#slot.onClose(() => clearTimeout(this.#timer));
		this.#schedule();
	}

	#schedule(): void {
		const timer = setTimeout(() => this.#turn(), Math.min(Math.max(this.#interval, 1), 0x7fffffff));
		(timer as { unref?: () => unknown }).unref?.();
		this.#timer = timer;
	}

	async #turn(): Promise<void> {
		const slot = this.#slot;
		if (slot.closed) return;
		try {
			for (let step = 0; step < STEPS_A_TURN && slot.isFull; step++) {
				const after = this.#after;
				this.#after = await slot.run("read", (engine) => engine.streamSweep(after));
				if (this.#after === undefined) break;
			}
		} catch {
			// The next turn tries again; what is wrong shows where the stream is used.
		}
		if (!slot.closed) this.#schedule();
	}
}
