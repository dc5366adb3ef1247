import { test } from "node:test";
import { memoryHost, openStore } from "streamkit";
import { refused } from "../streams/assert.js";
import { memoryStores, under } from "../streams/stores.js";
import { groupCases } from "./cases.js";

for (const atomic of ["store", "space"] as const) {
	groupCases(under(`memory, ${atomic}`), memoryStores({ limits: { atomic } }));
	groupCases(under(`memory, ${atomic}, few rows a commit`), memoryStores({ limits: { atomic, maxBatchOps: 32 } }));
}

test("a host without atomic commits has no groups", async () => {
	const store = await openStore(memoryHost({ limits: { atomic: "none", checks: false, consistent: false } }));
	const group = store.streams.group("s", "g");
	await refused("UNSUPPORTED", group.create(), /atomic/);
	await refused("UNSUPPORTED", group.read("a"));
	await refused("UNSUPPORTED", group.info());
	await store.close();
});
