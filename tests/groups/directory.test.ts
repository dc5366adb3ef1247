import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openDirectory } from "@streamkit/node";
import { groupCases } from "./cases.js";

const root = mkdtempSync(join(tmpdir(), "streamkit-groups-"));
after(() => rmSync(root, { recursive: true, force: true }));
let count = 0;

groupCases({ test: (name, run) => void test(`directory: ${name}`, { timeout: 120_000 }, run) }, () => {
	let path = "";
	return {
		open: (options) => {
			path = join(root, String(count++));
			return openDirectory(path, options);
		},
		reopen: (options) => openDirectory(path, options),
		second: (options) => openDirectory(path, options),
	};
});
