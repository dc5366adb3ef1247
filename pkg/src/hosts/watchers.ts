import { soon } from "../common/microtasks.js";

/** Calls back until stopped. */
export function watch(watchers: Set<() => void>, changed: () => void): () => void {
	// A function of its own, so that one that is registered twice is stopped once.
	const watcher = (): void => changed();
	watchers.add(watcher);
	return () => {
		watchers.delete(watcher);
	};
}

/** Calls all of them back, once the call that this happens in is over. */
export function tell(watchers: ReadonlySet<() => void>): void {
	if (watchers.size < 2) return;
	soon(() => {
		for (const watcher of [...watchers]) watcher();
	});
}
