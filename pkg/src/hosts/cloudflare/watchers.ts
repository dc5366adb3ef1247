import { soon } from "../../microtasks.js";

// Hosts over one storage object of one Durable Object tell each other of their commits.

type Watchers = Map<string, Set<() => void>>;

const all = new WeakMap<object, Watchers>();

/** Who watches the rows of that name in the storage. */
export function watchersOf(storage: object, name: string): Set<() => void> {
	let ofStorage = all.get(storage);
	if (ofStorage === undefined) {
		ofStorage = new Map();
		all.set(storage, ofStorage);
	}
	let watchers = ofStorage.get(name);
	if (watchers === undefined) {
		watchers = new Set();
		ofStorage.set(name, watchers);
	}
	return watchers;
}

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
