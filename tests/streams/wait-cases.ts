import type { Entry } from "streamkit";
import { ok, refused, rejection, same } from "./assert.js";
import { type Case, isPending, numbers, texts, withStore } from "./harness.js";

/** Waiting for records. */
export function waitCases(test: Case): void {
	test("block: what is there is given at once", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			await streams.append("s", numbers(3));
			same(texts(await streams.read("s", { block: 0, limit: 5 })), numbers(3));
			same(texts(await streams.read("s", { block: 60_000, limit: 2 })), ["1", "2"]);
		});
	});

	test("block: nothing in time is an empty answer", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			same(await streams.read("s", { block: 20 }), []);
			await streams.append("s", "x");
			same(await streams.read("s", { block: 20, start: "$" }), []);
		});
	});

	test("block: 0 waits for ever, until there is something", async ({ open }) => {
		await withStore(open(), async (store) => {
			const { streams } = store;
			await streams.append("s", "old");
			const waiting = streams.read("s", { block: 0, start: "$" });
			ok(await isPending(waiting, store), "it waits");
			await streams.append("s", ["new", "newer"]);
			same(texts(await waiting), ["new", "newer"]);
		});
	});

	test("block: a wait for a missing stream ends with its first append", async ({ open }) => {
		await withStore(open(), async (store) => {
			const { streams } = store;
			const all = streams.read("late", { block: 0 });
			const keyed = streams.read("late", { block: 0, partitionKey: "alice" });
			ok(await isPending(Promise.race([all, keyed]), store), "they wait");
			await streams.create("late", { partitions: 4 });
			ok(await isPending(Promise.race([all, keyed]), store), "nothing is there yet");
			await streams.append("late", "hello", { partitionKey: "alice" });
			same([texts(await all), texts(await keyed)], [["hello"], ["hello"]]);
		});
	});

	test("block: an end that the stream has reached ends it, whichever partition got that far", async ({ open }) => {
		await withStore(open(), async (store) => {
			const { streams } = store;
			await streams.create("s", { partitions: 2 });
			const { lastId: first } = await streams.append("s", "old", { partition: 1 });
			const { lastId: end } = await streams.append("s", "x", { partition: 0 });
			for (const chosen of [{ partition: 1 }, {}]) {
				same(texts(await streams.read("s", { ...chosen, block: 0, after: first, end: first })), []);
			}
			same(texts(await streams.read("s", { block: 0, after: first, end, partition: 1 })), []);
			same(texts(await streams.follow("s", { start: "0-0", end, partition: 1 }).toArray()), ["old"]);
		});
	});

	test("block: other streams, other partitions and passed records do not end it", async ({ open }) => {
		await withStore(open(), async (store) => {
			const { streams } = store;
			await streams.create("s", { partitions: 2 });
			const { lastId } = await streams.append("s", "old", { partition: 1 });
			const waiting = streams.read("s", { block: 0, after: lastId, partition: 1 });
			await streams.append("other", "x");
			await streams.append("s", "x", { partition: 0 });
			ok(await isPending(waiting, store), "it waits on");
			await streams.append("s", "new", { partition: 1 });
			same(texts(await waiting), ["new"]);
		});
	});

	test("block: several appends while it waits: at least the first comes", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			const waiting = streams.read("s", { block: 0 });
			await Promise.all(numbers(5).map((text) => streams.append("s", text)));
			same((await waiting)[0]?.text(), "1");
		});
	});

	test("block: an end that is passed already is not waited for", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			const { firstId } = await streams.append("s", ["a", "b"]);
			same(await streams.read("s", { block: 0, after: firstId, end: firstId }), []);
		});
	});

	test("block: a signal ends the wait", async ({ open }) => {
		await withStore(open(), async (store) => {
			const controller = new AbortController();
			const waiting = store.streams.read("s", { block: 0, signal: controller.signal });
			ok(await isPending(waiting, store), "it waits");
			const reason = new Error("enough");
			controller.abort(reason);
			ok((await rejection(waiting)) === reason, "the reason is what it rejects with");
		});
	});

	test("block: closing the store ends the wait", async ({ open }) => {
		const store = await open();
		const waiting = store.streams.read("s", { block: 0 });
		const refusal = refused("CLOSED", waiting);
		await store.close();
		await refusal;
	});

	test("block: another store's append ends the wait", async ({ open, second }) => {
		if (second === undefined) return;
		await withStore(open(), (one) =>
			withStore(second(), async (two) => {
				const waiting = one.streams.read("s", { block: 0 });
				ok(await isPending(waiting, one), "it waits");
				await two.streams.append("s", "from afar");
				same(texts(await waiting), ["from afar"]);
			}),
		);
	});

	test("follow: what is there, then what comes, each record once", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			await streams.append("s", numbers(20));
			const seen: string[] = [];
			for await (const entry of streams.follow("s")) {
				seen.push(entry.text());
				if (seen.length === 20) await streams.append("s", numbers(5, 21));
				if (seen.length === 25) break;
			}
			same(seen, numbers(25));
		});
	});

	test("follow: $ is resolved at the call, not at the first step", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			await streams.append("s", "before");
			const followed = streams.follow("s", { start: "$" });
			await streams.append("s", ["after", "later"]);
			const seen: string[] = [];
			for await (const entry of followed) {
				seen.push(entry.text());
				if (seen.length === 2) break;
			}
			same(seen, ["after", "later"]);
		});
	});

	test("follow: up to an end, it ends", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			const { firstId, lastId } = await streams.append("s", numbers(5));
			await streams.append("s", numbers(5, 6));
			same(texts(await streams.follow("s", { end: lastId }).toArray()), numbers(5));
			same(texts(await streams.follow("s", { after: firstId, end: lastId }).toArray()), numbers(4, 2));
			await refused("INVALID_ARGUMENT", streams.follow("s").toArray(), /^follow/);
		});
	});

	test("follow: one partition, also one that the stream gets later", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			const seen: string[] = [];
			const following = (async () => {
				for await (const entry of streams.follow("s", { partition: 2 })) {
					seen.push(entry.text());
					if (seen.length === 300) return;
				}
			})();
			await streams.create("s", { partitions: 3 });
			for (let i = 0; i < 300; i += 100) {
				await streams.append("s", numbers(100, 1 + i), { partition: 2 });
				await streams.append("s", "elsewhere", { partition: 1 });
			}
			await following;
			same(seen, numbers(300));
		});
	});

	test("follow: arguments are checked at the first step", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			const step = (options: object): Promise<unknown> => streams.follow("s", options)[Symbol.asyncIterator]().next();
			await refused("INVALID_ARGUMENT", step({ start: "x" }), /^start/);
			await refused("INVALID_ARGUMENT", step({ start: "$", after: "1-0" }), /^after/);
			await refused("INVALID_ARGUMENT", step({ block: 5 }), /^block/);
			await refused("INVALID_ARGUMENT", step({ limit: 5 }), /^limit/);
			await refused("INVALID_ARGUMENT", streams.follow("")[Symbol.asyncIterator]().next(), /^name/);
		});
	});

	test("follow: leaving ends the wait, each iteration starts afresh", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			const controller = new AbortController();
			const followed = streams.follow("s", { start: "$", signal: controller.signal });
			const steps = followed[Symbol.asyncIterator]();
			const first = steps.next();
			await streams.append("s", "x");
			same(((await first).value as Entry).text(), "x");
			const waiting = steps.next();
			await steps.return?.();
			same((await waiting).done, true);
			const again = followed[Symbol.asyncIterator]();
			same(((await again.next()).value as Entry).text(), "x");
			await again.return?.();
		});
	});

	test("follow: what is trimmed and deleted under it is passed over, what comes later is not missed", async ({
		open,
	}) => {
		await withStore(open(), async ({ streams }) => {
			await streams.append("s", numbers(10));
			const seen: string[] = [];
			for await (const entries of streams.follow("s").pages({ maxEntries: 3 })) {
				seen.push(...texts(entries));
				if (seen.length === 3) {
					await streams.trim("s", { maxCount: 2 });
				} else if (seen.length === 5) {
					await streams.delete("s", { force: true });
					await streams.append("s", ["new", "newer"]);
				} else if (seen.length === 7) break;
			}
			same(seen, ["1", "2", "3", "9", "10", "new", "newer"]);
		});
	});
}
