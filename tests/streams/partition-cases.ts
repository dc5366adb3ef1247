import type { Entry } from "streamkit";
import { refused, same } from "./assert.js";
import { type Case, ids, isBelow, numbers, readAll, texts, withStore } from "./harness.js";

// Wyhash (final version 4, seed 0) of each key modulo 2, 3, 4, 8, 16 and 256.
const KEYS: [key: string, partitions: number[]][] = [
	["alice", [1, 1, 1, 5, 13, 157]],
	["bob", [0, 2, 2, 6, 14, 158]],
	["carol", [0, 1, 2, 6, 6, 166]],
	["order-12345", [1, 2, 3, 3, 3, 67]],
	["user-123", [0, 1, 2, 6, 6, 198]],
	["a", [1, 2, 1, 1, 1, 49]],
	["any-key", [1, 0, 1, 1, 9, 73]],
];

/** Partitions. */
export function partitionCases(test: Case): void {
	test("partition: a key is in the partition that its hash says", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			const sizes = [2, 3, 4, 8, 16, 256];
			for (const size of sizes) await streams.create(`s${size}`, { partitions: size });
			for (const [key, partitions] of KEYS) {
				const made: number[] = [];
				for (const size of sizes) made.push((await streams.append(`s${size}`, key, { partitionKey: key })).partition);
				same(made, partitions, key);
			}
		});
	});

	test("partition: a key's records are read by the key, and carry it", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			await streams.create("s", { partitions: 256 });
			for (const [key] of KEYS) {
				await streams.append("s", [`${key} 1`, { payload: `${key} 2`, metadata: { own: "x" } }], {
					partitionKey: key,
					headers: { h: "1" },
				});
			}
			for (const [key, partitions] of KEYS) {
				const entries = await streams.read("s", { partitionKey: key });
				same(texts(entries), [`${key} 1`, `${key} 2`]);
				same(entries[0]?.metadata, { h: "1", "partition-key": key });
				same(entries[1]?.metadata, { h: "1", own: "x", "partition-key": key });
				const partition = partitions[5] as number;
				same(
					entries.map((entry) => entry.partition),
					[partition, partition],
				);
				same(ids(await streams.read("s", { partition })), ids(entries), "by its number the same");
			}
		});
	});

	test("partition: whatever reads a stream's space says it, and of any other space nothing does", async ({ open }) => {
		await withStore(open(), async (store) => {
			await store.streams.create("s", { partitions: 2 });
			await store.streams.append("s", "x", { partition: 1 });
			await store.publish("s", "notes", "no partition");
			await store.publish("plain", "1", "no stream");
			const seen = async (entries: Promise<Entry[]>) => (await entries).map(({ partition }) => partition);
			const merged = await store.consume({ offsets: { plain: "", s: "" } }).toArray();
			const byText = merged.map((entry) => `${entry.text()}: ${entry.partition}`).sort();
			same(byText, ["no partition: undefined", "no stream: undefined", "x: 1"]);
			same(await seen(store.consumeSpace({ space: "s" }).toArray()), [1, undefined]);
			same(await seen(store.consumeSegment({ space: "s", segment: "1" }).toArray()), [1]);
			same((await store.peek("s", "1")).partition, 1);
			same(await seen(store.consumeSegment({ space: "plain", segment: "1" }).toArray()), [undefined]);
			await store.streams.delete("s", { force: true });
			await store.publish("s", "1", "no stream any more");
			same((await store.peek("s", "1")).partition, undefined);
			same(await seen(store.consumeSpace({ space: "s" }).toArray()), [undefined]);
		});
	});

	test("partition: an explicit one is range-checked", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			await streams.create("s", { partitions: 3 });
			same((await streams.append("s", "x", { partition: 2 })).partition, 2);
			await refused("INVALID_ARGUMENT", streams.append("s", "x", { partition: 3 }), /^partition/);
			await refused("INVALID_ARGUMENT", streams.read("s", { partition: 3 }), /^partition/);
			await refused("INVALID_ARGUMENT", streams.append("new", "x", { partition: 1 }), /^partition/);
			for (const partition of [-1, 1.5, "1", Number.NaN, null]) {
				await refused("INVALID_ARGUMENT", streams.append("s", "x", { partition } as never), /^partition/);
				await refused("INVALID_ARGUMENT", streams.read("s", { partition } as never), /^partition/);
			}
			await refused("INVALID_ARGUMENT", streams.append("s", "x", { partition: 0, partitionKey: "a" }), /^partition/);
			for (const partitionKey of ["", 5, null, "\ud800"]) {
				await refused("INVALID_ARGUMENT", streams.append("s", "x", { partitionKey } as never), /^partitionKey/);
			}
			same((await streams.info("s")).count, 1);
			same(
				(await streams.list()).map(({ name }) => name),
				["s"],
			);
		});
	});

	test("partition: without a choice it is the first, and a stream of one has no other", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			await streams.create("s", { partitions: 4 });
			same((await streams.append("s", "x")).partition, 0);
			for (const [key] of KEYS) same((await streams.append("one", key, { partitionKey: key })).partition, 0);
		});
	});

	test("partition: each is an order of its own, all of them one order of ids", async ({ open }) => {
		await withStore(open(), async (store) => {
			const { streams } = store;
			await streams.create("s", { partitions: 3 });
			for (let i = 0; i < 30; i++) await streams.append("s", [`${i}a`, `${i}b`], { partition: i % 3 });
			const all = await readAll(store, "s", 11);
			same(
				texts(all),
				numbers(30, 0).flatMap((n) => [`${n}a`, `${n}b`]),
			);
			same(
				ids(all),
				[...ids(all)].sort((a, b) => (isBelow(a, b) ? -1 : 1)),
			);
			for (const partition of [0, 1, 2]) {
				const own = await readAll(store, "s", 4, partition);
				same(ids(own), ids(all.filter((entry) => entry.partition === partition)));
				same(
					own.map((entry) => entry.sequence),
					numbers(20).map(Number),
				);
			}
			const middle = all[31]?.id as string;
			const rest = all.filter((entry) => isBelow(middle, entry.id) && entry.partition === 1);
			same(ids(await streams.read("s", { after: middle, partition: 1, limit: 1000 })), ids(rest));
			same(ids(await streams.read("s", { start: middle, end: middle, partition: all[31]?.partition })), [middle]);
		});
	});

	test("partition: few records over many partitions", async ({ open }) => {
		await withStore(open(), async (store) => {
			await store.streams.create("s", { partitions: 8 });
			for (const text of numbers(10)) await store.streams.append("s", text, { partitionKey: `key ${text}` });
			same(texts(await readAll(store, "s")), numbers(10));
			const each: string[] = [];
			for (let partition = 0; partition < 8; partition++) each.push(...texts(await readAll(store, "s", 3, partition)));
			same(
				each.map(Number).sort((a, b) => a - b),
				numbers(10).map(Number),
			);
		});
	});
}
