// The Worker that reads: from the copies in Workers KV, close to whoever asks. What it shows may be a minute old or
// more; it is always the state after some whole range, with no gap.
//
//   GET /stores/<store>/spaces/<space>/segments/<segment>   ?from=<sequence>&limit=<n>
//   GET /stores/<store>/spaces/<space>                      ?offset=<hex>&limit=<n>      (offsets of the copy)
//   GET /stores/<store>/health

import { isStreamkitError, openStore, type Store } from "streamkit";
import { workersKvHost } from "streamkit/cloudflare";
import { answerTo, failure, isRead, notFound, readPath, routeOf } from "./http.js";
import { copyPrefix } from "./publisher.js";

/**
 * Entries of an answer at most. Workers KV takes 1,000 operations of an invocation, and an entry may cost three: one
 * for the row of its commit, and where its block is a row of its own, a list and a read.
 */
const MOST_ENTRIES = 300;

export interface Env {
	readonly COPIES: KVNamespace;
}

export default {
	async fetch(request: Request, env: Env): Promise<Response> {
		let store: Store | undefined;
		try {
			const route = routeOf(request);
			if (!isRead(request)) throw notFound("this Worker only reads");
			// One for each request: what belongs to a request, such as its timers, must not be used by another one.
			store = await openCopy(env, route.store);
			return answerTo(request, await readPath(store, route, MOST_ENTRIES));
		} catch (error) {
			return answerTo(request, failure(error));
		} finally {
			await store?.close();
		}
	},
};

async function openCopy(env: Env, name: string): Promise<Store> {
	try {
		return await openStore(workersKvHost(env.COPIES, { prefix: copyPrefix(name), readOnly: true }));
	} catch (error) {
		// A host that only reads cannot begin a store.
		if (isStreamkitError(error, "UNSUPPORTED")) throw notFound("nothing of this store is published yet");
		throw error;
	}
}
