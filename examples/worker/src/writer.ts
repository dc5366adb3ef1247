// The Worker that writes: it sends every request to the object of the store that the path names.
//
//   POST /stores/<store>/spaces/<space>/segments/<segment>   {records: [{payload, metadata?}], expectedSequence?, trx?}
//   GET  /stores/<store>/spaces/<space>/segments/<segment>   ?from=<sequence>&limit=<n>
//   GET  /stores/<store>/spaces/<space>                      ?offset=<hex>&limit=<n>
//   GET  /stores/<store>/health
//   POST /stores/<store>/publish                             does at once what the alarm would do later
//
// HEAD is GET without the body. An answer has up to `limit` entries, and no more than some 4 MB: its `next` or
// `offset` is where to go on, until one has none.

import { answerTo, failure, routeOf } from "./http.js";
import type { Env } from "./store-object.js";

export { StoreObject } from "./store-object.js";

export default {
	async fetch(request: Request, env: Env): Promise<Response> {
		try {
			const { store } = routeOf(request);
			return await env.STORES.get(env.STORES.idFromName(store)).fetch(request);
		} catch (error) {
			return answerTo(request, failure(error));
		}
	},
};
