const settled = Promise.resolve();

/**
 * Calls back once the code that is running now is done. By a promise and not by queueMicrotask, which the fake timers
 * of test runners put off until they are told: a store would wait for ever.
 */
export function soon(callback: () => void): void {
	void settled.then(callback);
}
