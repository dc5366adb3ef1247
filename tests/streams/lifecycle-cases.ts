import { manualClock } from "streamkit/testing";
import { ok, refused, same } from "./assert.js";
import { type Case, ids, isBelow, numbers, readAll, texts, withStore } from "./harness.js";

/** Creating, altering, deleting, listing; and what lasts. */
export function lifecycleCases(test: Case): void {
	test("create: what was asked for is what is there", async ({ open }) => {
		await withStore(open({ clock: manualClock(5000) }), async ({ streams }) => {
			const plain = await streams.create("plain");
			const zero = { firstId: "0-0", lastId: "0-0", count: 0, bytes: 0, createdAt: 5000 };
			same(plain, { name: "plain", partitions: 1, ...zero });
			const retention = { maxAge: 259_200_000, maxCount: 1000, maxBytes: 1_000_000 };
			const made = await streams.create("full", { partitions: 4, retention });
			same(made, { name: "full", partitions: 4, ...zero, retention });
			same(await streams.info("full"), made);
		});
	});

	test("create: twice is refused, also after an append made it", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			await streams.create("a", { partitions: 2 });
			await refused("ALREADY_EXISTS", streams.create("a"));
			await streams.append("b", "x");
			await refused("ALREADY_EXISTS", streams.create("b", { partitions: 3 }));
			same((await streams.info("a")).partitions, 2);
			same((await streams.info("b")).partitions, 1);
		});
	});

	test("create: many at once make one", async ({ open, second }) => {
		await withStore(open(), async (one) => {
			const two = (await second?.()) ?? one;
			const outcomes = await Promise.allSettled(
				[1, 2, 3, 4].map((n) => (n % 2 ? one : two).streams.create("s", { partitions: n })),
			);
			same(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
			if (two !== one) await two.close();
		});
	});

	test("create: wrong options are refused and leave nothing", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			for (const partitions of [0, -1, 1.5, "2", 65_537, Number.NaN]) {
				await refused("INVALID_ARGUMENT", streams.create("s", { partitions } as never), /^partitions/);
			}
			for (const bound of ["maxAge", "maxCount", "maxBytes"]) {
				for (const value of [0, -1, 1.5, "5", Number.NaN]) {
					await refused(
						"INVALID_ARGUMENT",
						streams.create("s", { retention: { [bound]: value } } as never),
						new RegExp(bound),
					);
				}
			}
			await refused("INVALID_ARGUMENT", streams.create("s", { retention: 5 } as never), /^retention/);
			await refused("INVALID_ARGUMENT", streams.create(""), /^name/);
			await refused("INVALID_ARGUMENT", streams.create("s", 5 as never), /^options/);
			same(await streams.list(), []);
		});
	});

	test("alter: a missing stream, and wrong options, are refused", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			await refused("NOT_FOUND", streams.alter("missing", { retention: { maxCount: 1 } }));
			await streams.create("s", { partitions: 3, retention: { maxCount: 7 } });
			await refused("INVALID_ARGUMENT", streams.alter("s", {} as never), /^retention/);
			await refused("INVALID_ARGUMENT", streams.alter("s", { retention: { maxCount: 0 } }), /maxCount/);
			await refused("INVALID_ARGUMENT", streams.alter("s", undefined as never), /^options/);
			const altered = await streams.alter("s", { retention: { maxAge: 5 } });
			same([altered.partitions, altered.retention], [3, { maxAge: 5 }], "what is left out goes");
		});
	});

	test("alter: an appended stream keeps its records", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			await streams.append("s", numbers(3));
			await streams.alter("s", { retention: { maxAge: 86_400_000 } });
			await streams.append("s", "4");
			same(texts(await streams.read("s")), numbers(4));
		});
	});

	test("delete: refused while there are records, unless forced", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			await streams.append("s", "x");
			await refused("NOT_EMPTY", streams.delete("s"));
			await refused("NOT_EMPTY", streams.delete("s", { force: false }));
			same((await streams.info("s")).count, 1);
			await streams.delete("s", { force: true });
			await refused("NOT_FOUND", streams.info("s"));
			same(await streams.list(), []);
			same(await streams.read("s"), []);
			await streams.delete("s");
			await streams.delete("never there", { force: true });
			await streams.create("empty");
			await streams.delete("empty");
			await refused("INVALID_ARGUMENT", streams.delete("s", { force: 1 } as never), /^force/);
		});
	});

	test("delete: what was trimmed empty needs no force", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			await streams.append("s", numbers(3));
			await streams.trim("s", { before: "281474976710655" });
			await streams.delete("s");
			await refused("NOT_FOUND", streams.trim("s", { maxCount: 1 }));
			await refused("NOT_FOUND", streams.alter("s", { retention: null }));
		});
	});

	test("delete: a plain space is not touched", async ({ open }) => {
		await withStore(open(), async (store) => {
			await store.publish("space", "segment", "x");
			await store.streams.delete("space", { force: true });
			same(texts(await store.consumeSpace({ space: "space" }).toArray()), ["x"]);
		});
	});

	test("delete: the name is free, and ids are never given again", async ({ open }) => {
		const clock = manualClock(5000);
		await withStore(open({ clock }), async (store) => {
			const { streams } = store;
			await streams.create("s", { partitions: 3, retention: { maxCount: 5 } });
			const first = await streams.append("s", ["a", "b"]);
			await streams.delete("s", { force: true });
			same((await streams.create("s")).partitions, 1);
			clock.set(1);
			const second = await streams.append("s", "c");
			ok(isBelow(first.lastId, second.firstId), "ids go on");
			const info = await streams.info("s");
			same([info.partitions, info.count, info.firstId, info.retention], [1, 1, second.firstId, undefined]);
			same(texts(await readAll(store, "s")), ["c"]);
			same((await store.verify()).problems, []);
		});
	});

	test("delete: an append makes the stream again, and one to the space does not", async ({ open }) => {
		await withStore(open(), async (store) => {
			const { streams } = store;
			await streams.create("s", { partitions: 4 });
			await streams.delete("s");
			await store.publish("s", "0", "plain");
			await refused("NOT_FOUND", streams.info("s"));
			await streams.append("s", "stream");
			same((await streams.info("s")).partitions, 1);
			same(texts(await streams.read("s")), ["plain", "stream"]);
		});
	});

	test("list: streams and no other spaces, in byte order", async ({ open }) => {
		await withStore(open(), async (store) => {
			const { streams } = store;
			same(await streams.list(), []);
			await store.publish("a plain space", "segment", "x");
			for (const name of ["b", "a", "B", "\u00e9", "b-1", "b-10"]) await streams.append(name, name);
			await streams.create("c", { partitions: 2 });
			const names = async (options?: object): Promise<string[]> =>
				(await streams.list(options)).map(({ name }) => name);
			same(await names(), ["B", "a", "b", "b-1", "b-10", "c", "\u00e9"]);
			same(await names({ prefix: "b" }), ["b", "b-1", "b-10"]);
			same(await names({ prefix: "b", after: "b" }), ["b-1", "b-10"]);
			same(await names({ limit: 2 }), ["B", "a"]);
			same(await names({ after: "a", limit: 3 }), ["b", "b-1", "b-10"]);
			const [first] = await streams.list({ after: "b-10" });
			same([first?.name, first?.partitions, first?.count], ["c", 2, 0]);
			for (const wrong of [{ limit: -1 }, { limit: 1.5 }, { prefix: 5 }, { after: "\u0000" }]) {
				await refused("INVALID_ARGUMENT", streams.list(wrong as never), /^(limit|prefix|after)/);
			}
		});
	});

	test("list: page by page, each name once, between plain spaces", async ({ open }) => {
		await withStore(open(), async (store) => {
			for (let i = 0; i < 30; i++) {
				await store.publish(`space-${i}`, "segment", "x");
				await store.streams.append(`stream-${i}`, "x");
			}
			const seen: string[] = [];
			for (;;) {
				const page = await store.streams.list({ limit: 7, after: seen[seen.length - 1] });
				if (page.length === 0) break;
				ok(page.length <= 7, "a page holds what was asked for");
				seen.push(...page.map(({ name }) => name));
			}
			same(seen, Array.from({ length: 30 }, (_, i) => `stream-${i}`).sort());
		});
	});

	test("names: one stream never sees its neighbour's records", async ({ open }) => {
		await withStore(open(), async (store) => {
			const names = ["a", "a0", "a-", "aa", "A", "a b", "a/b", "a.b", "\u00e4"];
			for (const name of names) await store.streams.append(name, [name, name]);
			await store.streams.trim("a", { maxCount: 1 });
			await store.streams.delete("a-", { force: true });
			for (const name of names.filter((name) => name !== "a" && name !== "a-")) {
				same(texts(await readAll(store, name)), [name, name]);
			}
			same(texts(await readAll(store, "a")), ["a"]);
		});
	});

	test("restart: records, counts, retention and ids are as they were", async ({ open, reopen }) => {
		const before: unknown[] = [];
		let last = "";
		await withStore(open(), async (store) => {
			await store.streams.create("s", { partitions: 2, retention: { maxCount: 7 } });
			for (const text of numbers(20))
				last = (await store.streams.append("s", text, { partition: Number(text) % 2 })).lastId;
			await store.streams.append("t", "x");
			await store.streams.append("gone", "x");
			await store.streams.delete("gone", { force: true });
			before.push(await store.streams.list(), texts(await readAll(store, "s")), texts(await readAll(store, "s", 9, 1)));
		});
		await withStore(reopen({ clock: manualClock(1) }), async (store) => {
			same(
				[await store.streams.list(), texts(await readAll(store, "s")), texts(await readAll(store, "s", 9, 1))],
				before,
			);
			const waiting = store.streams.read("s", { block: 0, start: "$" });
			const made = await store.streams.append("s", "21");
			ok(isBelow(last, made.firstId), "ids go on");
			same(texts(await waiting), ["21"]);
			same((await store.streams.info("s")).count, 7);
			ok(isBelow("1-0", (await store.streams.append("gone", "y")).firstId), "also of what was deleted");
		});
	});

	test("export: streams are streams again after an import, trimmed as they were", async ({ open }) => {
		const chunks: Uint8Array[] = [];
		let exported: unknown;
		let entries: string[] = [];
		await withStore(open(), async (store) => {
			await store.streams.create("s", { partitions: 3, retention: { maxAge: 1_000_000_000 } });
			await store.streams.create("empty", { partitions: 2 });
			for (let i = 0; i < 3; i++) await store.streams.append("s", numbers(5), { partition: i });
			await store.streams.trim("s", { maxCount: 8 });
			exported = await store.streams.list();
			entries = ids(await readAll(store, "s"));
			for await (const chunk of store.export()) chunks.push(chunk.slice());
		});
		await withStore(open(), async (store) => {
			await store.import(chunks);
			same(await store.streams.list(), exported);
			same(ids(await readAll(store, "s")), entries);
			await store.streams.trim("s", { maxCount: 1 });
			await store.streams.append("s", "x", { partition: 2 });
			same((await store.streams.info("s")).count, 2);
			same((await store.verify()).problems, []);
		});
	});

	test("compact: beside trims nothing is lost", async ({ open }) => {
		await withStore(open(), async (store) => {
			for (const text of numbers(100)) await store.streams.append("s", text);
			await store.streams.trim("s", { maxCount: 60 });
			await store.compact();
			await store.streams.trim("s", { maxCount: 50 });
			await store.compact({ space: "s" });
			same(texts(await readAll(store, "s")), numbers(50, 51));
			same((await store.verify()).problems, []);
		});
	});
}
