import { test } from "node:test";
import { memoryHost, openStore } from "streamkit";
import { streamCases } from "./cases.js";

streamCases({ test: (name, run) => void test(`memory: ${name}`, { timeout: 60_000 }, run) }, () => {
	let host = memoryHost();
	return {
		open: (options) => {
			host = memoryHost();
			return openStore(host, options);
		},
		reopen: (options) => openStore(host, options),
		second: (options) => openStore(host, options),
	};
});
