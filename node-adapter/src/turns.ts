// How long a chain of synchronous answers may keep the event loop to itself.
const TURN_MILLISECONDS = 10;

/** Gives the event loop its turn now and then: whoever awaits answers that are no promises never does. */
export class Turns {
	readonly #now: () => number;
	#at: number;

	/** `now` gives milliseconds of a clock that never goes back. */
	constructor(now: () => number = () => performance.now()) {
		this.#now = now;
		this.#at = now();
	}

	/** Whether it is time. */
	due(): boolean {
		return this.#now() - this.#at >= TURN_MILLISECONDS;
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
