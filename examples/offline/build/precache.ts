import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

const worker = "service-worker.js";
const placeholder = "__PRECACHE__";

/**
 * Writes into the service worker what it has to keep: the name of every file of this build, with a version made of
 * their contents. So the worker's own bytes change exactly when something else did, which is how browsers find out.
 */
export function precache(): Plugin {
	let publicDir = "";
	return {
		name: "precache",
		apply: "build",
		enforce: "post",
		configResolved(config) {
			publicDir = config.publicDir;
		},
		generateBundle: {
			order: "post",
			handler(_, bundle) {
				const chunk = bundle[worker];
				if (chunk?.type !== "chunk" || !chunk.code.includes(placeholder)) {
					throw new Error(`${worker} has no ${placeholder} to replace`);
				}
				const contents = new Map<string, string | Uint8Array>([[worker, chunk.code]]);
				for (const file of Object.values(bundle)) {
					contents.set(file.fileName, file.type === "chunk" ? file.code : file.source);
				}
				for (const name of readdirSync(publicDir)) contents.set(name, readFileSync(join(publicDir, name)));
				const hash = createHash("sha256");
				for (const name of [...contents.keys()].sort()) {
					hash
						.update(`${name}\0`)
						.update(contents.get(name) ?? "")
						.update("\0");
				}
				const files = [...contents.keys()].filter((name) => name !== worker).sort();
				const value = JSON.stringify({ version: hash.digest("hex").slice(0, 12), files });
				chunk.code = chunk.code.replace(placeholder, () => value);
			},
		},
	};
}
