// Durable Objects in workerd: many requests at once, objects that end in mid-write, several stores in one object, limits.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Miniflare } from "miniflare";
import type { Append, Everything } from "./inside/object-store.js";
import { ask } from "./runtime.js";
import { startTestWorker } from "./test-worker.js";

let miniflare: Miniflare;
before(async () => {
	miniflare = await startTestWorker();
});
after(() => miniflare.dispose());

const KINDS = [
	["sql", "with SQLite"],
	["plain", "without SQLite"],
] as const;

/** What was acknowledged: payload to the sequence it got. */
type Acknowledged = Map<string, number>;

async function send(to: Miniflare, path: string, request: Append, acknowledged: Acknowledged): Promise<void> {
	const last = await ask<number>(to, `${path}/append`, request);
	request.payloads.forEach((payload, i) => {
		acknowledged.set(`${request.segment} ${payload}`, last - request.payloads.length + 1 + i);
	});
}

/** Sequences are dense, ids go up, no payload is there twice, and everything acknowledged stands where it was said to. */
function check({ entries, problems }: Everything, acknowledged: Acknowledged): void {
	assert.deepEqual(problems, []);
	const last = new Map<string, number>();
	const found = new Map<string, number>();
	let [ms, n] = [0, -1];
	for (const [segment, sequence, id, payload] of entries) {
		assert.equal(sequence, (last.get(segment) ?? 0) + 1, `a gap in ${segment}`);
		last.set(segment, sequence);
		const [nextMs = 0, nextN = 0] = id.split("-").map(Number);
		assert.ok(nextMs > ms || (nextMs === ms && nextN > n), `${id} does not come after ${ms}-${n}`);
		[ms, n] = [nextMs, nextN];
		assert.ok(!found.has(`${segment} ${payload}`), `${payload} is there twice`);
		found.set(`${segment} ${payload}`, sequence);
	}
	for (const [payload, sequence] of acknowledged) assert.equal(found.get(payload), sequence, `${payload} is lost`);
}

for (const [kind, title] of KINDS) {
	test(`many requests at once to one object ${title}`, async () => {
		const path = `/${kind}/busy/scenario`;
		const acknowledged: Acknowledged = new Map();
		const requests = Array.from({ length: 300 }, (_, i) => ({
			segment: `segment-${i % 3}`,
			payloads: Array.from({ length: 1 + (i % 4) }, (__, k) => `${i}.${k}`),
			durability: i % 2 === 0 ? ("strict" as const) : ("relaxed" as const),
		}));
		await Promise.all(requests.map((request) => send(miniflare, path, request, acknowledged)));
		const all = await ask<Everything>(miniflare, `${path}/everything`);
		assert.equal(all.entries.length, acknowledged.size);
		check(all, acknowledged);
	});

	test(`an object ${title} that is ended in mid-write keeps what it acknowledged`, async () => {
		const path = `/${kind}/aborted/scenario`;
		const acknowledged: Acknowledged = new Map();
		let failed = 0;
		for (let round = 0; round < 8; round++) {
			const before = acknowledged.size;
			let end: Promise<unknown> | undefined;
			await Promise.all(
				Array.from({ length: 20 }, async (_, i) => {
					try {
						await send(miniflare, path, { segment: "a", payloads: [`${round}.${i}`] }, acknowledged);
					} catch {
						failed++;
					}
					// As soon as some are through, while others are not.
					if (acknowledged.size - before >= 3) end ??= ask(miniflare, `${path}/abort`).catch(() => {});
				}),
			);
			await end;
			check(await ask<Everything>(miniflare, `${path}/everything`), acknowledged);
		}
		assert.ok(acknowledged.size >= 24, `${acknowledged.size} were acknowledged, ${failed} failed`);
	});

	test(`an object ${title} keeps what it acknowledged when the server ends in mid-write`, async () => {
		const folder = await mkdtemp(join(tmpdir(), "streamkit-edge-"));
		try {
			const acknowledged: Acknowledged = new Map();
			const path = `/${kind}/restarted/scenario`;
			for (let round = 0; round < 3; round++) {
				const server = await startTestWorker(folder);
				let end: Promise<void> | undefined;
				await Promise.all(
					Array.from({ length: 30 }, async (_, i) => {
						try {
							await send(server, path, { segment: "a", payloads: [`${round}.${i}`] }, acknowledged);
							end ??= server.dispose();
						} catch {
							// It may be there or not.
						}
					}),
				);
				await end;
			}
			const server = await startTestWorker(folder);
			try {
				check(await ask<Everything>(server, `${path}/everything`), acknowledged);
			} finally {
				await server.dispose();
			}
			assert.ok(acknowledged.size >= 3);
		} finally {
			await rm(folder, { recursive: true, force: true });
		}
	});

	test(`two stores of one object ${title} see each other`, () => ask(miniflare, `/${kind}/two/scenario/instances`));

	test(`an object ${title} that was emptied is a new one, and ends what was open`, () =>
		ask(miniflare, `/${kind}/wiped/scenario/wiped`));

	test(`limits are kept to the byte, and keys in order, ${title}`, async () => {
		const { object, kv } = await ask<Record<"object" | "kv", Record<string, number>>>(
			miniflare,
			`/${kind}/limits/scenario/limits`,
		);
		const [key, value, ops] = kind === "sql" ? [2048, 1_997_936, 10_000] : [1624, 131_072, 128];
		assert.deepEqual([object["maxKeyBytes"], object["maxValueBytes"], object["maxBatchOps"]], [key, value, ops]);
		assert.deepEqual([kv["maxKeyBytes"], kv["maxValueBytes"], kv["maxBatchOps"]], [404, 25 << 20, 1]);
	});
}
