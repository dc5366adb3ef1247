// The reader of the example, on a Workers KV that counts.

import reader from "../../examples/worker/src/reader.ts";
import { CountedKv } from "./inside/counted-kv.mjs";

export default {
	async fetch(request, env) {
		const kv = new CountedKv(env.COPIES);
		const { status, body } = await reader.fetch(request, { COPIES: kv });
		return new Response(body, { status, headers: { operations: kv.operations } });
	},
};
