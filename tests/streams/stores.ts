// What the cases run on in Node; they themselves use none of its modules.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openDirectory } from "@streamkit/node";
import { memoryHost, type OpenOptions, openStore, type Store } from "streamkit";
import type { Runner, StoreFactory } from "./harness.js";

/** Runs cases under node:test, each named after the kind of store. */
export function under(kind: string): Runner {
	return { test: (name, run) => void test(`${kind}: ${name}`, { timeout: 120_000 }, run) };
}

/** Stores at a place that `fresh` makes, of which any number may be open at once. */
function storesAt<Place>(fresh: () => Place, openAt: (place: Place, options?: OpenOptions) => Promise<Store>) {
	return (): StoreFactory => {
		let place: Place | undefined;
		const reopen = (options?: OpenOptions): Promise<Store> => {
			if (place === undefined) throw new Error("nothing was opened yet");
			return openAt(place, options);
		};
		return {
			open(options) {
				place = fresh();
				return reopen(options);
			},
			reopen,
			second: reopen,
		};
	};
}

/** Stores in memory. */
export function memoryStores(options?: Parameters<typeof memoryHost>[0]): () => StoreFactory {
	return storesAt(() => memoryHost(options), openStore);
}

/** Stores in directories, which are removed when the tests of the file have ended. */
export function directoryStores(): () => StoreFactory {
	const root = mkdtempSync(join(tmpdir(), "streamkit-stores-"));
	after(() => rmSync(root, { recursive: true, force: true }));
	let count = 0;
	return storesAt(() => join(root, String(count++)), openDirectory);
}
