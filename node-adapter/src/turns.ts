// How long a chain of synchronous answers may keep the event loop to itself.
const TURN_MILLISECONDS = 10;

/** Gives the event loop its turn now and then: whoever awaits answers that are no promises never does. */
export class Turns {
	#at = performance.now();

	/** Whether it is time. */
	due(): boolean {
		return performance.now() - this.#at >= TURN_MILLISECONDS;
	}

	/** Resolves in the event loop's next turn. */
	next(): Promise<void> {
		return new Promise((resolve) => {
			setImmediate(() => {
				this.#at = performance.now();
				resolve();
			});
		});
	}
}
