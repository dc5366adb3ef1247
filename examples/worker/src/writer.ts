// The Worker that writes: it sends every request to the object of the store that the path names.
//
//   POST /stores/<store>/spaces/<space>/segments/<segment>   {records: [{payload, metadata?}], expectedSequence?, trx?}
//   GET  /stores/<store>/spaces/<space>/segments/<segment>   ?from=<sequence>&limit=<n>
//   GET  /stores/<store>/spaces/<space>                      ?offset=<hex>&limit=<n>
//   GET  /stores/<store>/health
//   POST /stores/<store>/publish                             does at once what the alarm would do later

import { failure, routeOf } from "./http.js";
import type { Env } from "./store-object.js";

export { StoreObject } from "./store-object.js";

export default {
	async fetch(request: Request, env: Env): Promise<Response> {
		try {
			const { store } = routeOf(request);
			return await env.STORES.get(env.STORES.idFromName(store)).fetch(request);
		} catch (error) {
			return failure(error);
		}
	},
};
