import { manualClock } from "streamkit/testing";
import { refused, same } from "./assert.js";
import { type Case, ids, numbers, readAll, texts, withStore } from "./harness.js";

/** Trimming and retention. */
export function trimCases(test: Case): void {
	test("trim: by count, ten to four", async ({ open }) => {
		await withStore(open(), async (store) => {
			const { streams } = store;
			for (const text of numbers(10)) await streams.append("s", text);
			const all = ids(await readAll(store, "s"));
			const expected = { trimmed: 6, firstId: all[6] };
			same(await streams.trim("s", { maxCount: 4, dryRun: true }), expected);
			same((await streams.info("s")).count, 10, "a dry run changes nothing");
			same(await streams.trim("s", { maxCount: 4 }), expected);
			same(texts(await streams.read("s")), ["7", "8", "9", "10"]);
			same(await streams.trim("s", { maxCount: 4 }), { trimmed: 0, firstId: all[6] }, "again there is nothing to do");
			same(await streams.trim("s", { maxCount: 100 }), { trimmed: 0, firstId: all[6] });
		});
	});

	test("trim: before an id that stays, or a millisecond", async ({ open }) => {
		const clock = manualClock(1000);
		await withStore(open({ clock }), async ({ streams }) => {
			for (let i = 0; i < 10; i++) {
				await streams.append("s", [`${i}a`, `${i}b`]);
				clock.advance(10);
			}
			same(await streams.trim("s", { before: "1020-1", dryRun: true }), { trimmed: 5, firstId: "1020-1" });
			same(await streams.trim("s", { before: "1020-1" }), { trimmed: 5, firstId: "1020-1" });
			same(await streams.trim("s", { before: "1040" }), { trimmed: 3, firstId: "1040-0" });
			same(await streams.trim("s", { before: "1045" }), { trimmed: 2, firstId: "1050-0" });
			same(await streams.trim("s", { before: "1000-0" }), { trimmed: 0, firstId: "1050-0" });
			same(await streams.trim("s", { before: "99999" }), { trimmed: 10, firstId: "0-0" });
			const info = await streams.info("s");
			same([info.count, info.bytes, info.firstId, info.lastId], [0, 0, "0-0", "0-0"]);
			same((await streams.append("s", "x")).firstId, "1100-0");
		});
	});

	test("trim: by age", async ({ open }) => {
		const clock = manualClock(100_000);
		await withStore(open({ clock }), async ({ streams }) => {
			for (const text of numbers(5)) {
				await streams.append("s", text);
				clock.advance(1000);
			}
			same(await streams.trim("s", { maxAge: 3000, dryRun: true }), { trimmed: 2, firstId: "102000-0" });
			same(await streams.trim("s", { maxAge: 3000 }), { trimmed: 2, firstId: "102000-0" });
			same(texts(await streams.read("s")), ["3", "4", "5"], "what is exactly as old stays");
			same((await streams.trim("s", { maxAge: Number.MAX_SAFE_INTEGER })).trimmed, 0);
			clock.advance(1_000_000);
			same(await streams.trim("s", { maxAge: 1 }), { trimmed: 3, firstId: "0-0" });
		});
	});

	test("trim: by bytes, the newest records that fit", async ({ open }) => {
		await withStore(open(), async (store) => {
			const { streams } = store;
			await streams.append("s", ["aaaa", "bb", { payload: "c", metadata: { k: "vv" } }, "", "dd"]);
			const all = ids(await readAll(store, "s"));
			same((await streams.info("s")).bytes, 12, "payloads and metadata");
			same(await streams.trim("s", { maxBytes: 12 }), { trimmed: 0, firstId: all[0] });
			same(await streams.trim("s", { maxBytes: 11, dryRun: true }), { trimmed: 1, firstId: all[1] });
			same(await streams.trim("s", { maxBytes: 7 }), { trimmed: 2, firstId: all[2] });
			same(await streams.trim("s", { maxBytes: 5 }), { trimmed: 1, firstId: all[3] });
			same(await streams.trim("s", { maxBytes: 1 }), { trimmed: 2, firstId: "0-0" });
		});
	});

	test("trim: bytes are those of UTF-8", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			await streams.append("s", { payload: "\u00e9\u20ac", metadata: { "\u00e4": "\ud83d\ude00" } });
			same((await streams.info("s")).bytes, 2 + 3 + 2 + 4);
		});
	});

	test("trim: a cut inside a batch is exact to the record", async ({ open }) => {
		await withStore(open(), async (store) => {
			const { streams } = store;
			for (let batch = 0; batch < 3; batch++) await streams.append("s", numbers(3, 1 + 3 * batch));
			same((await streams.trim("s", { maxCount: 7, dryRun: true })).trimmed, 2);
			await streams.trim("s", { maxCount: 7 });
			same(texts(await streams.read("s")), numbers(7, 3));
			same(texts(await streams.read("s", { partition: 0 })), numbers(7, 3));
			const status = await store.getSegmentStatus("s", "0");
			same([status?.firstSequence, status?.lastSequence], [3, 9]);
			same((await store.verify()).problems, []);
		});
	});

	test("trim: exactly one bound, above zero", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			await streams.append("s", numbers(3));
			const wrong = (how: object, message: RegExp): Promise<unknown> =>
				refused("INVALID_ARGUMENT", streams.trim("s", how as never), message);
			await wrong({}, /^how/);
			await wrong({ dryRun: true }, /^how/);
			await wrong({ maxCount: 1, maxAge: 1 }, /^how.*maxCount and maxAge/);
			await wrong({ before: "1-0", maxBytes: 1 }, /^how/);
			for (const kind of ["maxCount", "maxAge", "maxBytes"]) {
				for (const value of [0, -1, 1.5, Number.NaN, "5", null]) await wrong({ [kind]: value }, new RegExp(`^${kind}`));
			}
			for (const before of ["0-0", "0", "", "$", "x", 5]) await wrong({ before }, /^before/);
			await wrong({ maxCount: 1, dryRun: "yes" }, /^dryRun/);
			await refused("INVALID_ARGUMENT", streams.trim("s", undefined as never), /^how/);
			await refused("INVALID_ARGUMENT", streams.trim("", { maxCount: 1 }), /^name/);
			await refused("NOT_FOUND", streams.trim("missing", { maxCount: 1 }));
			same((await streams.info("s")).count, 3);
		});
	});

	test("trim: records are found by nobody, whichever way they are looked for", async ({ open }) => {
		await withStore(open(), async (store) => {
			const { streams } = store;
			await streams.create("s", { partitions: 2 });
			await streams.append("s", ["a", "b"], { partition: 0 });
			await streams.append("s", "c", { partition: 1 });
			await streams.trim("s", { maxCount: 1 });
			same(texts(await store.consumeSpace({ space: "s" }).toArray()), ["c"]);
			same(texts(await store.consumeSegment({ space: "s", segment: "0" }).toArray()), []);
			same((await store.peek("s", "0")).sequence, 0);
			const status = await store.getSegmentStatus("s", "0");
			same([status?.firstSequence, status?.lastSequence], [3, 2], "an empty segment begins after its end");
			await streams.append("s", "d", { partition: 0 });
			same((await store.peek("s", "0")).sequence, 3, "sequences go on");
		});
	});

	test("trim: beside writers, counts stay exact", async ({ open }) => {
		await withStore(open(), async (store) => {
			const { streams } = store;
			let trimmed = 0;
			const writing = (async () => {
				for (let i = 0; i < 60; i++) await streams.append("s", numbers(5));
			})();
			await streams.create("s").catch(() => {});
			for (let i = 0; i < 20; i++) trimmed += (await streams.trim("s", { maxCount: 7 })).trimmed;
			await writing;
			trimmed += (await streams.trim("s", { maxCount: 7 })).trimmed;
			same(trimmed, 300 - 7);
			const info = await streams.info("s");
			same([info.count, info.bytes], [7, 7]);
			same((await store.verify()).problems, []);
		});
	});

	test("retention: by count, applied as the stream grows", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			await streams.create("s", { retention: { maxCount: 5 } });
			for (const text of numbers(12)) await streams.append("s", text);
			same(texts(await streams.read("s")), numbers(5, 8));
			await streams.append("s", numbers(8));
			same(texts(await streams.read("s")), numbers(5, 4));
			const info = await streams.info("s");
			same([info.count, info.bytes, info.retention], [5, 5, { maxCount: 5 }]);
		});
	});

	test("retention: by bytes, and of several bounds the strictest", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			await streams.create("bytes", { retention: { maxBytes: 10 } });
			for (const text of ["aaaa", "bbbb", "cccc", "ddd"]) await streams.append("bytes", text);
			same(texts(await streams.read("bytes")), ["cccc", "ddd"]);
			await streams.create("both", { retention: { maxBytes: 6, maxCount: 5 } });
			await streams.append("both", ["a", "b", "c", "d", "e", "f"]);
			same(texts(await streams.read("both")), ["b", "c", "d", "e", "f"]);
			await streams.append("both", "gggg");
			same(texts(await streams.read("both")), ["e", "f", "gggg"]);
		});
	});

	test("retention: by age, with the next append", async ({ open }) => {
		const clock = manualClock(1_000_000);
		await withStore(open({ clock, retentionInterval: 0 }), async ({ streams }) => {
			await streams.create("s", { retention: { maxAge: 60_000 } });
			await streams.append("s", "old");
			clock.advance(60_000);
			await streams.append("s", "as old as may be kept");
			same((await streams.info("s")).count, 2);
			clock.advance(1);
			await streams.append("s", "new");
			same(texts(await streams.read("s")), ["as old as may be kept", "new"]);
		});
	});

	test("retention: by a sweep, without any append", async ({ open }) => {
		const clock = manualClock(1_000_000);
		await withStore(open({ clock, retentionInterval: 5 }), async ({ streams }) => {
			await streams.create("s", { retention: { maxAge: 60_000 } });
			await streams.append("s", numbers(3));
			clock.advance(60_001);
			// Ends when the sweep has done its work; a test that hangs here has failed.
			while ((await streams.info("s")).count > 0) await new Promise((resolve) => setTimeout(resolve, 5));
			same(await streams.read("s"), []);
		});
	});

	test("retention: altered, it holds from the next append on; null keeps everything", async ({ open }) => {
		await withStore(open({ retentionInterval: 0 }), async ({ streams }) => {
			await streams.append("s", numbers(10));
			same((await streams.alter("s", { retention: { maxCount: 3 } })).retention, { maxCount: 3 });
			same((await streams.info("s")).count, 10, "altering removes nothing by itself");
			await streams.append("s", "11");
			same(texts(await streams.read("s")), ["9", "10", "11"]);
			same((await streams.alter("s", { retention: null })).retention, undefined);
			await streams.append("s", numbers(9));
			same((await streams.info("s")).count, 12);
		});
	});
}
