import { join } from "node:path";
import { test } from "node:test";
import type { HostKv } from "streamkit";
import { hostConformance } from "streamkit/testing";
import { directoryHost } from "../src/index.js";
import { temporaryDirectory } from "./support.js";

let path = "";

hostConformance(
	{ test: (name, run) => void test(name, (t) => run({ skip: (reason) => t.skip(reason) })) },
	{
		open: async (): Promise<HostKv> => {
			path = join(temporaryDirectory(), "store");
			return directoryHost(path);
		},
		reopen: () => directoryHost(path),
		second: () => directoryHost(path),
	},
);
