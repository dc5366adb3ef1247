/** A running timer. */
export type Handle = ReturnType<typeof setTimeout>;

interface Refable {
	ref?(): unknown;
	unref?(): unknown;
}

/** Starting and stopping timers. */
export interface TimerCalls {
	start(ms: number, callback: () => void): Handle;
	stop(handle: Handle): void;
}

/**
 * The engine's timers. In Node they keep the process alive only while some call is waiting for an answer: a reader
 * that follows, or a host that may time out, but never background work of an idle store.
 */
export class Timers implements TimerCalls {
	readonly #running = new Set<Handle>();
	#held = false;

	/** Calls back once after so many milliseconds. */
	start(ms: number, callback: () => void): Handle {
		// Longer delays than this overflow and fire at once.
		const handle = setTimeout(
			() => {
				this.#running.delete(handle);
				callback();
			},
			Math.min(Math.max(ms, 0), 0x7fffffff),
		);
		this.#running.add(handle);
		if (!this.#held) (handle as Refable).unref?.();
		return handle;
	}

	/** Forgets a timer; of no effect when it has fired. */
	stop(handle: Handle): void {
		clearTimeout(handle);
		this.#running.delete(handle);
	}

	/** Whether some call is waiting. */
	hold(held: boolean): void {
		if (this.#held === held) return;
		this.#held = held;
		for (const handle of this.#running) {
			const timer = handle as Refable;
			if (held) timer.ref?.();
			else timer.unref?.();
		}
	}

	/** Forgets them all. */
	clear(): void {
		for (const handle of this.#running) clearTimeout(handle);
		this.#running.clear();
	}
}
