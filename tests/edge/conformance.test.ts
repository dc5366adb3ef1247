// The whole conformance suite of streamkit/testing inside workerd, on every host of streamkit/cloudflare. Each case is a
// subtest; each has an object of its own.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Miniflare } from "miniflare";
import type { Outcome } from "./inside/conformance.js";
import { ask } from "./runtime.js";
import { startTestWorker } from "./test-worker.js";

let miniflare: Miniflare;
before(async () => {
	miniflare = await startTestWorker();
});
after(() => miniflare.dispose());

const hosts = [
	["Durable Object with SQLite", "sql", "object"],
	["Durable Object without SQLite", "plain", "object"],
	["Workers KV", "sql", "kv"],
	["Workers KV that answers stale, with a journal", "sql", "stale"],
] as const;

for (const [title, kind, host] of hosts) {
	test(title, async (t) => {
		const names = await ask<string[]>(miniflare, `/${kind}/list/conformance/${host}/list`);
		assert.ok(names.length > 20, `only ${names.length} cases`);
		let passed = 0;
		for (const [index, name] of names.entries()) {
			await t.test(name, async (each) => {
				const path = `/${kind}/${host}-${index}/conformance/${host}/${index}`;
				const outcome = await ask<Outcome>(miniflare, path);
				assert.equal(outcome.name, name);
				assert.equal(outcome.failed, undefined, outcome.failed);
				if (outcome.skipped !== undefined) each.skip(outcome.skipped);
				else passed++;
			});
		}
		assert.ok(passed >= 15, `only ${passed} cases were run`);
	});
}
