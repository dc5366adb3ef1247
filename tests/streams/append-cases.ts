import { manualClock } from "streamkit/testing";
import { ok, refused, same } from "./assert.js";
import { type Case, ids, isBelow, numbers, parts, readAll, texts, withStore } from "./harness.js";

/** Appending. */
export function appendCases(test: Case): void {
	test("append: one record gives its id, and the stream is there", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			const made = await streams.append("events", '{"type":"signup"}');
			same(made, { firstId: made.firstId, lastId: made.firstId, count: 1, partition: 0 });
			const [entry] = await streams.read("events");
			same([entry?.id, entry?.text(), entry?.partition], [made.firstId, '{"type":"signup"}', 0]);
			same(entry?.json(), { type: "signup" });
			same((await streams.info("events")).partitions, 1);
		});
	});

	test("append: the milliseconds of an id are the clock's", async ({ open }) => {
		await withStore(open({ clock: manualClock(1_703_350_800_000) }), async ({ streams }) => {
			same((await streams.append("s", "x")).firstId, "1703350800000-0");
		});
	});

	test("append: ids go up, also while the clock stands still or goes back", async ({ open }) => {
		const clock = manualClock(5000);
		await withStore(open({ clock }), async ({ streams }) => {
			const made: string[] = [];
			for (const ms of [5000, 5000, 4000, 1, 5001, 5000]) {
				clock.set(ms);
				made.push((await streams.append("s", "x")).firstId);
			}
			same(made, ["5000-0", "5000-1", "5000-2", "5000-3", "5001-0", "5001-1"]);
		});
	});

	test("append: a batch is one millisecond, its ids one after the other", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			const made = await streams.append("s", ["a", "b", "c"]);
			const [ms, n] = parts(made.firstId);
			same([made.lastId, made.count], [`${ms}-${n + 2}`, 3]);
			const entries = await streams.read("s");
			same(ids(entries), [made.firstId, `${ms}-${n + 1}`, made.lastId]);
			same(texts(entries), ["a", "b", "c"]);
		});
	});

	test("append: bytes, texts and records, in one batch", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			await streams.append("s", ["text", new Uint8Array([0, 255, 10]), { payload: "record", metadata: { k: "v" } }]);
			const [text, bytes, record] = await streams.read("s");
			same([text?.text(), [...(bytes?.payload ?? [])], record?.text()], ["text", [0, 255, 10], "record"]);
			same([text?.metadata, bytes?.metadata, record?.metadata], [{}, {}, { k: "v" }]);
			await streams.append("t", new Uint8Array());
			same((await streams.read("t"))[0]?.payload.length, 0);
		});
	});

	test("append: headers are every record's metadata, a record's own win", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			await streams.append("s", ["a", { payload: "b", metadata: { source: "own", more: "1" } }], {
				headers: { source: "web", "trace-id": "abc" },
			});
			const [a, b] = await streams.read("s");
			same(a?.metadata, { source: "web", "trace-id": "abc" });
			same(b?.metadata, { more: "1", source: "own", "trace-id": "abc" });
		});
	});

	test("append: nothing, and what is no record, is refused", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			await refused("INVALID_ARGUMENT", streams.append("s", []), /records/);
			const hole = ["a", "b", "c"];
			delete hole[1];
			for (const wrong of [[undefined], [null], [["a"]], [3], [{}], ["a", { payload: 3 }], hole]) {
				await refused("INVALID_ARGUMENT", streams.append("s", wrong as never), /^records\[/);
			}
			await refused("INVALID_ARGUMENT", streams.append("s", undefined as never), /^records/);
			await refused("INVALID_ARGUMENT", streams.append("s", ["a", "\ud800"]), /^records\[1\].payload/);
			await refused("INVALID_ARGUMENT", streams.append("", "x"), /^name/);
			await refused("INVALID_ARGUMENT", streams.append("a\u0000b", "x"), /^name/);
			await refused("INVALID_ARGUMENT", streams.append("n".repeat(129), "x"), /^name/);
			await refused("INVALID_ARGUMENT", streams.append("s", "x", { headers: { a: 1 } as never }), /headers/);
			for (const headers of [new Map([["a", "1"]]), new Headers({ a: "1" }), new Date(0)]) {
				await refused("INVALID_ARGUMENT", streams.append("s", "x", { headers: headers as never }), /^headers/);
			}
			await refused("INVALID_ARGUMENT", streams.append("s", "x", { headers: { a: "\ud800" } }), /^headers\["a"\]: /);
			await refused("INVALID_ARGUMENT", streams.append("s", "x", { headers: { "\ud800": "a" } }), /^headers\["/);
			await refused("INVALID_ARGUMENT", streams.append("s", "x", { expectedSequence: 0 } as never), /expectedSequence/);
			same(await streams.list(), [], "nothing is left behind");
		});
	});

	test("append: the metadata partition-key is set by partitionKey alone", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			const forged = { payload: "x", metadata: { "partition-key": "eve" } };
			await refused("INVALID_ARGUMENT", streams.append("s", ["a", forged]), /^records\[1\].*partition-key/);
			await refused("INVALID_ARGUMENT", streams.append("s", forged, { partitionKey: "eve" }), /partition-key/);
			await refused("INVALID_ARGUMENT", streams.append("s", "x", { headers: { "partition-key": "eve" } }), /headers/);
			same(await streams.read("s"), []);
		});
	});

	test("append: a batch that does not fit one commit is refused whole", async ({ open }) => {
		await withStore(open(), async (store) => {
			const { streams, limits } = store;
			const tooMany = numbers(limits.maxCommitRecords + 1);
			const error = await refused("LIMIT_EXCEEDED", streams.append("s", tooMany));
			same(error.details["limit"], limits.maxCommitRecords);
			const half = new Uint8Array(Math.floor(limits.maxCommitBytes / 3));
			await refused("LIMIT_EXCEEDED", streams.append("s", [half, half, half, half]));
			await refused("LIMIT_EXCEEDED", streams.append("s", new Uint8Array(limits.maxRecordBytes + 1)));
			await refused("NOT_FOUND", streams.info("s"));
		});
	});

	test("append: a batch of a thousand is read in pages of any size, each record once", async ({ open }) => {
		await withStore(open(), async (store) => {
			for (let batch = 0; batch < 3; batch++) await store.streams.append("s", numbers(400, 1 + 400 * batch));
			for (const limit of [1000, 500, 7]) same(texts(await readAll(store, "s", limit)), numbers(1200));
		});
	});

	test("append: a TRX is stored once, however often it is tried", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			const trx = { id: "0190f3a1-0000-7000-8000-000000000001" };
			const first = await streams.append("s", ["a", "b"], { trx });
			await streams.append("s", "c");
			same(await streams.append("s", ["a", "b"], { trx }), first);
			same(texts(await streams.read("s")), ["a", "b", "c"]);
		});
	});

	test("append: a wrong expectation is refused and stores nothing", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			await streams.append("s", { payload: "a", sequence: 1 });
			await refused("SEQUENCE_MISMATCH", streams.append("s", { payload: "b", sequence: 1 }));
			same(texts(await streams.read("s")), ["a"]);
		});
	});

	test("append: a signal that has fired stores nothing", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			const reason = new Error("no more");
			let thrown: unknown;
			await streams.append("s", "x", { signal: AbortSignal.abort(reason) }).catch((error: unknown) => {
				thrown = error;
			});
			ok(thrown === reason, "the signal's reason is what it rejects with");
			await refused("NOT_FOUND", streams.info("s"));
		});
	});

	test("append: many at once, each with ids of its own in the order of the calls", async ({ open }) => {
		await withStore(open(), async (store) => {
			const made = await Promise.all(numbers(200).map((text) => store.streams.append("s", text)));
			same(texts(await readAll(store, "s")), numbers(200));
			for (let i = 1; i < made.length; i++) {
				ok(isBelow(made[i - 1]?.lastId ?? "", made[i]?.firstId ?? ""), "ids go up");
			}
		});
	});

	test("append: two writers, one order of ids", async ({ open, second }) => {
		if (second === undefined) return;
		await withStore(open(), (one) =>
			withStore(second(), async (two) => {
				const writes = numbers(40).map((text, i) => (i % 2 === 0 ? one : two).streams.append("s", text));
				const made = (await Promise.all(writes)).map(({ firstId }) => firstId);
				same(new Set(made).size, 40, "no id is given twice");
				const seen = ids(await readAll(two, "s", 9));
				same(
					seen,
					[...seen].sort((a, b) => (isBelow(a, b) ? -1 : 1)),
				);
				same([...seen].sort(), [...made].sort());
				same((await one.streams.info("s")).count, 40);
			}),
		);
	});
}
