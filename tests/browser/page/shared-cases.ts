// The shared cases of streams and of groups inside the page, on IndexedDB, so that each is reported by its name.

import { type HostKv, type OpenOptions, openStore, type Store } from "streamkit";
import { indexedDbHost } from "streamkit/indexeddb";
import { groupCases } from "../../groups/cases.js";
import { streamCases } from "../../streams/cases.js";
import type { StoreFactory } from "../../streams/harness.js";

const lists = { streams: streamCases, groups: groupCases };

/** A list of cases. */
export type SharedList = keyof typeof lists;

let count = 0;

/** Stores on databases of their own, and what removes them. */
class Databases implements StoreFactory {
	readonly #names: string[] = [];
	readonly #hosts: HostKv[] = [];
	readonly #stores: Store[] = [];

	readonly open = (options?: OpenOptions): Promise<Store> => {
		this.#names.push(`shared-case-${++count}`);
		return this.reopen(options);
	};

	readonly reopen = async (options?: OpenOptions): Promise<Store> => {
		const name = this.#names.at(-1);
		if (name === undefined) throw new Error("nothing was opened yet");
		const host = await indexedDbHost(name);
		this.#hosts.push(host);
		const store = await openStore(host, options);
		this.#stores.push(store);
		return store;
	};

	readonly second = this.reopen;

	async remove(): Promise<void> {
		// What a failed case left open, or failed to open, would hold up the deletion for ever.
		await Promise.all(this.#stores.map((store) => store.close()));
		await Promise.all(this.#hosts.map((host) => host.close?.()));
		await Promise.all(this.#names.map(deleteDatabase));
	}
}

function deleteDatabase(name: string): Promise<void> {
	return new Promise((resolve, reject) => {
		const request = indexedDB.deleteDatabase(name);
		request.onsuccess = () => resolve();
		request.onerror = () => reject(request.error);
	});
}

/** The cases of a list by their names. */
function casesOf(list: SharedList, databases: Databases): Map<string, () => Promise<void>> {
	const cases = new Map<string, () => Promise<void>>();
	lists[list](
		{
			test(name, run) {
				if (cases.has(name)) throw new Error(`there are two cases "${name}"`);
				cases.set(name, run);
			},
		},
		() => databases,
	);
	return cases;
}

/** The names of all cases of a list. */
export function sharedCases(list: SharedList): string[] {
	return [...casesOf(list, new Databases()).keys()];
}

/** Runs a case on databases of its own, also beside others; rejects if it fails. */
export async function runSharedCase(list: SharedList, name: string): Promise<void> {
	const databases = new Databases();
	const run = casesOf(list, databases).get(name);
	if (run === undefined) throw new Error(`there is no case "${name}"`);
	try {
		await run();
	} finally {
		await databases.remove();
	}
}
