// A host whose tables were removed, and made again by another host, must not take the new ones for its own. Only the
// hosts in the memory of one Durable Object share its storage, so it is enough to count there.

/** How often the tables were made. */
export interface Makings {
	count: number;
}

const all = new WeakMap<object, Map<string, Makings>>();

/** The count that all hosts on the tables of that name share. */
export function makingsOf(storage: object, name: string): Makings {
	let ofStorage = all.get(storage);
	if (ofStorage === undefined) {
		ofStorage = new Map();
		all.set(storage, ofStorage);
	}
	let makings = ofStorage.get(name);
	if (makings === undefined) {
		makings = { count: 0 };
		ofStorage.set(name, makings);
	}
	return makings;
}
