import type { Miniflare } from "miniflare";
import { bundle, start } from "./runtime.js";

let bundled: ReturnType<typeof bundle> | undefined;

/** Starts the Worker that the tests run inside; with a folder, what it stores lies there. */
export async function startTestWorker(folder?: string): Promise<Miniflare> {
	bundled ??= bundle(new URL("./worker.ts", import.meta.url));
	return start({
		modules: await bundled,
		durableObjects: {
			SQL: { className: "SqlObject", useSQLite: true },
			PLAIN: { className: "PlainObject", useSQLite: false },
		},
		kvNamespaces: ["KV"],
		...(folder === undefined ? {} : { durableObjectsPersist: `${folder}/objects`, kvPersist: `${folder}/kv` }),
	});
}
