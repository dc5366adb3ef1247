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
