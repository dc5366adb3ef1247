import type { Entry, OpenOptions, Store } from "streamkit";

/** What runs the cases: node:test's `test`, or anything like it. */
export interface Runner {
	test(name: string, run: () => Promise<void>): void;
}

/** Makes the stores under test; each is closed by the case that opened it. */
export interface StoreFactory {
	/** A store on a fresh, empty host. */
	open(options?: OpenOptions): Promise<Store>;
	/** The same data again, after the last store was closed. */
	reopen(options?: OpenOptions): Promise<Store>;
	/** Another store on the data that is open; left out where nobody else may have it open. */
	second?(options?: OpenOptions): Promise<Store>;
}

/** A case by its name. */
export type Case = (name: string, run: (factory: StoreFactory) => Promise<void>) => void;

/** The cases of several lists, for stores of one kind: each case gets stores of its own. */
export function allCases(...lists: readonly ((test: Case) => void)[]) {
	return (runner: Runner, factory: () => StoreFactory): void => {
		for (const cases of lists) cases((name, run) => runner.test(name, () => run(factory())));
	};
}

/** Opens a store, runs, and closes it, whatever happens. */
export async function withStore(opening: Promise<Store>, run: (store: Store) => Promise<void>): Promise<void> {
	const store = await opening;
	try {
		await run(store);
	} finally {
		await store.close();
	}
}

/** The texts of entries. */
export function texts(entries: Iterable<Entry>): string[] {
	return [...entries].map((entry) => entry.text());
}

/** The ids of entries. */
export function ids(entries: Iterable<Entry>): string[] {
	return [...entries].map((entry) => entry.id);
}

/** Texts "1" to "count". */
export function numbers(count: number, from = 1): string[] {
	return Array.from({ length: count }, (_, i) => String(from + i));
}

/** The two numbers of an id. */
export function parts(id: string): [ms: number, n: number] {
	const [ms, n] = id.split("-").map(Number);
	return [ms as number, n as number];
}

/** Whether the first id is below the second. */
export function isBelow(a: string, b: string): boolean {
	const [[aMs, aN], [bMs, bN]] = [parts(a), parts(b)];
	return aMs < bMs || (aMs === bMs && aN < bN);
}

/** All records of a stream, in pages. */
export async function readAll(store: Store, name: string, limit = 1000, partition?: number): Promise<Entry[]> {
	const all: Entry[] = [];
	let after = "0-0";
	for (;;) {
		const page = await store.streams.read(name, { after, limit, partition });
		all.push(...page);
		const last = page[page.length - 1];
		if (last === undefined) return all;
		after = last.id;
	}
}

/** Whether a promise is still undecided once the store went through what was asked of it. */
export async function isPending(promise: Promise<unknown>, store: Store): Promise<boolean> {
	let pending = true;
	const done = (): void => {
		pending = false;
	};
	promise.then(done, done);
	for (let i = 0; i < 20; i++) await store.streams.read("nobody uses this name");
	return pending;
}
