import { after, before, test } from "node:test";
// The stores of the suite need the engine, which comes with the package itself.
import "streamkit";
import type { HostKv } from "streamkit";
import { azureTableHost } from "streamkit/azure";
import { hostConformance } from "streamkit/testing";
import { type Azurite, startAzurite } from "./azurite.js";

let azurite: Azurite;
before(async () => {
	azurite = await startAzurite();
});
after(() => azurite.stop());

let table: string;
const host = (): HostKv => azureTableHost(azurite.client(table), { prefix: "p" });
hostConformance(
	{
		test: (name, run) =>
			test(name, (t) =>
				run({
					skip(reason) {
						t.diagnostic(`skipped: ${reason}`);
						t.skip(reason);
					},
				}),
			),
	},
	{
		async open() {
			table = await azurite.table();
			return host();
		},
		reopen: async () => host(),
		second: async () => host(),
	},
);
