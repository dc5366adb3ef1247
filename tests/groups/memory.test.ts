import { test } from "node:test";
import { memoryHost, openStore } from "streamkit";
import { groupCases } from "./cases.js";

for (const atomic of ["store", "space"] as const) {
	groupCases({ test: (name, run) => void test(`memory, ${atomic}: ${name}`, { timeout: 60_000 }, run) }, () => {
		const fresh = () => memoryHost({ limits: { atomic } });
		let host = fresh();
		return {
			open: (options) => {
				host = fresh();
				return openStore(host, options);
			},
			reopen: (options) => openStore(host, options),
			second: (options) => openStore(host, options),
		};
	});
}

test("a host without atomic commits has no groups", async () => {
	const { refused } = await import("../streams/assert.js");
	const store = await openStore(memoryHost({ limits: { atomic: "none", checks: false, consistent: false } }));
	const group = store.streams.group("s", "g");
	await refused("UNSUPPORTED", group.create(), /atomic/);
	await refused("UNSUPPORTED", group.read("a"));
	await refused("UNSUPPORTED", group.info());
	await store.close();
});
