// Workers KV in workerd: writers that are cut off anywhere, readers that see older states.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Miniflare } from "miniflare";
import { ask } from "./runtime.js";
import { startTestWorker } from "./test-worker.js";

let miniflare: Miniflare;
before(async () => {
	miniflare = await startTestWorker();
});
after(() => miniflare.dispose());

for (const journal of [true, false]) {
	for (const takesEffect of [false, true]) {
		const title = `a writer ${journal ? "with" : "without"} a journal, cut off at a call that ${takesEffect ? "took effect" : "did nothing"}`;
		test(title, async () => {
			// Spread over requests: one may make a thousand calls.
			const step = 4;
			const cuts = await Promise.all(
				Array.from({ length: step }, (_, first) =>
					ask<number>(miniflare, `/sql/cut-${journal}-${takesEffect}/scenario/cutOff`, {
						first,
						step,
						journal,
						takesEffect,
					}),
				),
			);
			const all = cuts.reduce((sum, each) => sum + each, 0);
			assert.ok(all >= 20, `only ${all} calls were cut off`);
		});
	}
}

test("readers of stale answers see no gap, and a writer that starts anew is not misled", async () => {
	for (const seed of [1, 2, 3]) {
		const stale = await ask<number>(miniflare, `/sql/stale/scenario/staleReaders`, seed);
		assert.ok(stale > 50, `only ${stale} answers were stale`);
	}
});

test("a row that its writer cannot see yet is no absent one", () => ask(miniflare, "/sql/early/scenario/tooEarly"));
