// Taken once: timers that are put in its place for a test stand still.
const { setImmediate } = globalThis;

// How long a chain of synchronous answers may keep the event loop to itself.
const SLICE_MILLISECONDS = 10;

/**
 * Yields to the event loop now and then: a program that awaits answers which are no promises never does. It does
 * for commits of this host, one after the other, what a class of that name in streamkit does for long reads and
 * writes; that one is not exported.
 */
export class Yielder {
	readonly #now: () => number;
	#at: number;

	/** `now` gives milliseconds of a clock that never goes back. */
	constructor(now: () => number = () => performance.now()) {
		this.#now = now;
		this.#at = now();
	}

	/** Whether it is time. */
	due(): boolean {
		return this.#now() - this.#at >= SLICE_MILLISECONDS;
	}

	/** Resolves in the event loop's next turn. */
	next(): Promise<void> {
		return new Promise((resolve) => {
			setImmediate(() => {
				this.#at = this.#now();
				resolve();
			});
		});
	}
}
