import assert from "node:assert/strict";
import { test } from "node:test";
import { type HostBatch, type HostKv, type HostLimits, memoryHost, openNamespaces } from "../src/entry/node.js";

const LIMITS = { maxKeyBytes: 400, maxValueBytes: 4096, blockBytes: 4096, maxBatchOps: 60, maxBatchBytes: 20_000 };

/** Operations and bytes of a batch, its checks among them. */
function sizeOf({ checks, deletes, puts }: HostBatch): { ops: number; bytes: number } {
	const rows = [...checks, ...puts, ...deletes.map((key) => ({ key, value: undefined }))];
	return { ops: rows.length, bytes: rows.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0) };
}

test("no commit is larger than the limits of its host, checks and all", async () => {
	const kinds: Partial<HostLimits>[] = [{}, { maxBatchOps: 61, maxBatchBytes: 1 << 20 }, { maxBatchOps: 10_000 }];
	for (const limits of kinds) {
		const most = { ops: 0, bytes: 0 };
		const hosts = new Map<string, HostKv>();
		const counting = (inner: HostKv): HostKv => ({
			name: "counting",
			limits: inner.limits,
			get: (keys) => inner.get(keys),
			scan: (range) => inner.scan(range),
			commit(batch) {
				const { ops, bytes } = sizeOf(batch);
				most.ops = Math.max(most.ops, ops);
				most.bytes = Math.max(most.bytes, bytes);
				return inner.commit(batch);
			},
		});
		const namespaces = await openNamespaces((name) => {
			const host = hosts.get(name) ?? counting(memoryHost({ limits: { ...LIMITS, ...limits } }));
			hosts.set(name, host);
			return host;
		});
		const store = await namespaces.open("full");
		const writes = (count: number, bytes: number) =>
			Array.from({ length: count }, (_, i) => ({
				space: "s",
				segment: `segment-${i}`.padEnd(80, "x"),
				records: [{ payload: new Uint8Array(bytes) }],
			}));
		// As much at once as there is room for, by number and by bytes.
		for (const bytes of [1, 300, 3000]) {
			let [fits, less] = [1, 100];
			while (less - fits > 1) {
				const count = (fits + less) >> 1;
				const done = await store.transact(writes(count, bytes)).then(
					() => true,
					() => false,
				);
				if (done) fits = count;
				else less = count;
			}
		}
		// The rows of a group that is deleted, and then of all.
		const group = store.streams.group("e", "g");
		await store.streams.append("e", Array<string>(100).fill(""));
		for (let i = 0; i < 100; i++) await group.read(`consumer-${i}`, { limit: 1 });
		await group.delete();
		for (let i = 0; i < 200; i++) await store.publish("s", `more-${i}`.padEnd(80, "x"), "");
		await namespaces.delete("full", { force: true });
		const { maxBatchOps, maxBatchBytes } = { ...LIMITS, ...limits };
		const largest = `${most.ops} of ${maxBatchOps} operations, ${most.bytes} of ${maxBatchBytes} bytes`;
		assert.ok(most.ops <= maxBatchOps && most.bytes <= maxBatchBytes, largest);
		assert.ok(most.ops > maxBatchOps - 8 || most.bytes > maxBatchBytes - 4096, largest);
		await namespaces.close();
	}
});
