// The conformance suite inside the page, one case at a time, so that each is reported by its name.

import { indexedDbHost } from "streamkit/indexeddb";
import { hostConformance } from "streamkit/testing";

type Case = (t: { skip(reason: string): void }) => Promise<void>;

const cases = new Map<string, Case>();
let database = "";
let count = 0;

/** The names of all cases. */
export function conformanceCases(): string[] {
	cases.clear();
	hostConformance(
		{ test: (name, run) => void cases.set(name, run) },
		{
			open() {
				database = `conformance-${++count}`;
				return indexedDbHost(database);
			},
			reopen: () => indexedDbHost(database),
			second: () => indexedDbHost(database),
		},
	);
	return [...cases.keys()];
}

/** Runs a case; the reason if it was skipped. */
export async function runConformanceCase(name: string): Promise<string | undefined> {
	const run = cases.get(name);
	if (run === undefined) throw new Error(`there is no case "${name}"`);
	let reason: string | undefined;
	await run({
		skip(why) {
			reason = why;
		},
	});
	// A host that stayed open would hold up the deletion for ever.
	await new Promise<void>((resolve, reject) => {
		const request = indexedDB.deleteDatabase(database);
		request.onsuccess = () => resolve();
		request.onerror = () => reject(request.error);
	});
	return reason;
}
