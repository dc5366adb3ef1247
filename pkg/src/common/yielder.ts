// How long a chain of answers without a promise may keep the event loop to itself.
const SLICE_MILLISECONDS = 10;

// Taken once: timers that are put in its place for a test stand still.
const immediate = (globalThis as { setImmediate?: (callback: () => void) => unknown }).setImmediate;

/**
 * Yields to the event loop now and then while one long operation goes on: where the host answers without a
 * promise, awaiting it never does, and no timer, signal or other work of the program would get in between.
 */
export class Yielder {
	#at = performance.now();

	/** Begins anew, after something that took its time. */
	begin(): void {
		this.#at = performance.now();
	}

	/** Whether it is time. hostWaits: whether the host takes time to answer, in which the event loop turns by itself. */
	due(hostWaits: boolean): boolean {
		// A timer instead of an immediate is dear, and there a host either always waits or never does.
		if (hostWaits && immediate === undefined) return false;
		return performance.now() - this.#at >= SLICE_MILLISECONDS;
	}

	/** Resolves in the event loop's next turn. */
	async next(): Promise<void> {
		await new Promise<void>((resolve) => {
			if (immediate !== undefined) immediate(() => resolve());
			else setTimeout(resolve, 0);
		});
		this.begin();
	}
}
