import { after, before, test } from "node:test";
import type { TableClient } from "@azure/data-tables";
import { azureTableHost } from "streamkit/azure";
import { hostConformance } from "streamkit/testing";
import { type Azurite, startAzurite } from "./azurite.js";

let azurite: Azurite;
before(async () => {
	azurite = await startAzurite();
});
after(() => azurite.stop());

let client: TableClient;
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
			client = await azurite.table();
			return azureTableHost(client, { prefix: "p" });
		},
		reopen: async () => azureTableHost(client, { prefix: "p" }),
		second: async () => azureTableHost(client, { prefix: "p" }),
	},
);
