// All JavaScript and WebAssembly that a browser bundle loads to open a store on IndexedDB, with gzip: what
// `npm run size` finds.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Row } from "./row.js";

const BUDGET_KIB = 100;
const title = "JavaScript and wasm of a browser bundle, gzip";

export const size: Row = {
	name: "size",
	title,
	async measure() {
		const script = fileURLToPath(new URL("../../../scripts/size.mjs", import.meta.url));
		const { stdout, stderr } = spawnSync(process.execPath, [script], { encoding: "utf8" });
		// The script alone is raw, gzip and brotli; then the same together with the engine. Above its ceiling it fails, but
		// has printed the sizes by then.
		const gzip = /^browser, indexeddb(?:\s+\d+){4}\s+(\d+)\s+\d+$/m.exec(stdout)?.[1];
		if (gzip === undefined) throw new Error(`scripts/size.mjs did not print a size: ${stdout}${stderr}`);
		return [
			{
				title,
				ours: { name: "ours", value: Number(gzip) / 1024, unit: "KiB" },
				other: { name: "the budget", value: BUDGET_KIB, unit: "KiB" },
				bar: { is: "at most", ratio: 1 },
			},
		];
	},
};
