// Both Workers on this machine, in workerd.
//   npm start -- [--port 8787] [--reader-port 8788] [--publish-every 5000] [--data .data]

import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Miniflare } from "miniflare";
import { workers } from "./workers.mjs";

const { values } = parseArgs({
	options: {
		port: { type: "string", default: "8787" },
		"reader-port": { type: "string", default: "8788" },
		"publish-every": { type: "string", default: "5000" },
		data: { type: "string", default: fileURLToPath(new URL("../.data", import.meta.url)) },
	},
});
const at = (port) => [{ host: "127.0.0.1", port: Number(port) }];
const [writer, reader] = await workers({ publishEvery: values["publish-every"] });

const miniflare = new Miniflare({
	host: "127.0.0.1",
	port: 0,
	durableObjectsPersist: `${values.data}/objects`,
	kvPersist: `${values.data}/kv`,
	workers: [
		{ ...writer, unsafeDirectSockets: at(values.port) },
		{ ...reader, unsafeDirectSockets: at(values["reader-port"]) },
	],
});
await miniflare.ready;
console.log(`writer: ${await miniflare.unsafeGetDirectURL("writer")}`);
console.log(`reader: ${await miniflare.unsafeGetDirectURL("reader")}`);

for (const signal of ["SIGINT", "SIGTERM"]) {
	process.once(signal, () => void miniflare.dispose());
}
