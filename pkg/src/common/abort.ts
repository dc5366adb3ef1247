/** What is called when a signal fires, and the one listener that calls it. */
interface Heeding {
	readonly callbacks: Set<() => void>;
	readonly listener: () => void;
}

const heeding = new WeakMap<AbortSignal, Heeding>();

function heed(signal: AbortSignal): Heeding {
	const callbacks = new Set<() => void>();
	const listener = (): void => {
		for (const callback of callbacks) callback();
	};
	const made = { callbacks, listener };
	heeding.set(signal, made);
	return made;
}

/**
 * Calls back when the signal fires; gives how to stop that. However many calls heed a signal, it has one listener of
 * ours: Node warns of more than ten, and looks through all there are to add one.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
	const { callbacks, listener } = heeding.get(signal) ?? heed(signal);
	if (callbacks.size === 0) signal.addEventListener("abort", listener);
	callbacks.add(callback);
	return () => {
		if (callbacks.delete(callback) && callbacks.size === 0) signal.removeEventListener("abort", listener);
	};
}

/** Resolves after so many milliseconds, or rejects with the signal's reason. */
export function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
	return new Promise((resolve, reject) => {
		if (signal?.aborted === true) {
			reject(signal.reason);
			return;
		}
		const timer = setTimeout(
			() => {
				stop?.();
				resolve();
			},
			Math.min(Math.max(ms, 0), 0x7fffffff),
		);
		const stop =
			signal &&
			onAbort(signal, () => {
				stop?.();
				clearTimeout(timer);
				reject(signal.reason);
			});
	});
}

/** The promise's outcome, or the signal's reason as soon as it fires. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
	if (signal === undefined) return promise;
	return new Promise((resolve, reject) => {
		if (signal.aborted) {
			promise.catch(() => {});
			reject(signal.reason);
			return;
		}
		const stop = onAbort(signal, () => reject(signal.reason));
		promise.then(resolve, reject).finally(stop);
	});
}
