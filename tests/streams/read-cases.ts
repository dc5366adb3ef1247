import { manualClock } from "streamkit/testing";
import { ok, refused, rejection, same } from "./assert.js";
import { type Case, ids, numbers, texts, withStore } from "./harness.js";

/** Reading ranges. */
export function readCases(test: Case): void {
	test("read: from the beginning, ten records unless told otherwise", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			await streams.append("s", numbers(25));
			same(texts(await streams.read("s")), numbers(10));
			same(texts(await streams.read("s", { start: "0-0", limit: 2 })), ["1", "2"]);
			same((await streams.read("s", { limit: 1000 })).length, 25);
			same(texts(await streams.read("s", { start: "0", limit: 1 })), ["1"]);
		});
	});

	test("read: a limit is exact to the record, and at most 1,000", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			await streams.append("s", numbers(1100));
			for (const limit of [1, 3, 999, 1000]) same(texts(await streams.read("s", { limit })), numbers(limit));
			for (const limit of [0, -1, 1001, 1.5, Number.NaN, "5" as never, null as never]) {
				await refused("INVALID_ARGUMENT", streams.read("s", { limit }), /^limit/);
			}
		});
	});

	test("read: start is inclusive, after exclusive, end inclusive", async ({ open }) => {
		const clock = manualClock(1000);
		await withStore(open({ clock }), async ({ streams }) => {
			for (let i = 0; i < 5; i++) {
				await streams.append("s", [`${i}a`, `${i}b`]);
				clock.advance(10);
			}
			const read = async (range: object): Promise<string[]> => texts(await streams.read("s", range));
			same(await read({ start: "1010-1", end: "1030-0" }), ["1b", "2a", "2b", "3a"]);
			same(await read({ after: "1010-1", end: "1030-0" }), ["2a", "2b", "3a"]);
			same(await read({ start: "1010-0", end: "1010-0" }), ["1a"]);
			same(await read({ start: "1020" }), ["2a", "2b", "3a", "3b", "4a", "4b"], "<ms> begins with the millisecond");
			same(await read({ end: "1010" }), ["0a", "0b", "1a", "1b"], "<ms> ends with the millisecond");
			same(await read({ start: "1010", end: "1010" }), ["1a", "1b"]);
			same(await read({ start: "1011", end: "1019" }), []);
			same(await read({ start: "1030-0", end: "1010-0" }), [], "a range without anything in it");
			same(await read({ after: "1040-1" }), []);
			same(await read({ after: "0-0", end: "1000-0" }), ["0a"]);
			same(await read({ end: "999" }), []);
			same(await read({ start: "1010-7" }), ["2a", "2b", "3a", "3b", "4a", "4b"], "an id that no record has");
		});
	});

	test("read: what is no id, or a contradiction, is refused", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			const wrong = [
				"",
				"-",
				"x",
				"1-",
				"-1",
				"1-2-3",
				"01-0",
				"1-00",
				" 1-0",
				"1.5-0",
				"1e3-0",
				"+1-0",
				"281474976710656-0",
			];
			for (const id of [...wrong, "1-9007199254740992", 5 as never, null as never]) {
				await refused("INVALID_ARGUMENT", streams.read("s", { start: id }), /^start/);
				await refused("INVALID_ARGUMENT", streams.read("s", { end: id }), /^end/);
				await refused("INVALID_ARGUMENT", streams.read("s", { after: id }), /^after/);
			}
			await refused("INVALID_ARGUMENT", streams.read("s", { end: "$" }), /^end/);
			await refused("INVALID_ARGUMENT", streams.read("s", { after: "$" }), /^after/);
			await refused("INVALID_ARGUMENT", streams.read("s", { after: "5" }), /^after/);
			await refused("INVALID_ARGUMENT", streams.read("s", { start: "1-0", after: "1-0" }), /^after/);
			await refused("INVALID_ARGUMENT", streams.read("s", { partition: 0, partitionKey: "a" }), /^partition/);
			await refused("INVALID_ARGUMENT", streams.read("s", { block: -1 }), /^block/);
			await refused("INVALID_ARGUMENT", streams.read("", {}), /^name/);
			await refused("INVALID_ARGUMENT", streams.read("s", 5 as never), /^options/);
		});
	});

	test("read: a missing stream reads as empty, and stays missing", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			same(await streams.read("missing"), []);
			same(await streams.read("missing", { start: "$" }), []);
			same(await streams.read("missing", { partition: 5 }), []);
			same(await streams.read("missing", { partitionKey: "alice" }), []);
			same(await streams.list(), []);
		});
	});

	test("read: $ without waiting is empty", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			await streams.append("s", numbers(3));
			same(await streams.read("s", { start: "$" }), []);
		});
	});

	test("read: every record says where it came from", async ({ open, reopen }) => {
		await withStore(open(), async ({ streams }) => void (await streams.append("s", numbers(50))));
		await withStore(reopen(), async ({ streams }) => {
			const tiers = (await streams.read("s", { limit: 50 })).map((entry) => entry.tier);
			same(tiers, new Array(50).fill("warm"), "after a restart everything comes from the host");
		});
	});

	test("read: what is large is served from memory the second time", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			await streams.append(
				"s",
				numbers(20).map((text) => text.padStart(3000)),
			);
			const tiers = async (): Promise<string[]> => (await streams.read("s", { limit: 20 })).map((entry) => entry.tier);
			await tiers();
			same(await tiers(), new Array(20).fill("hot"));
		});
	});

	test("read: an entry's JSON shows id, tier, partition and payload", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			const { firstId } = await streams.append("s", 'say "hi"', { headers: { a: "b" } });
			const [entry] = await streams.read("s");
			const shown = JSON.parse(JSON.stringify(entry)) as Record<string, unknown>;
			same(
				[shown["id"], shown["tier"], shown["partition"], shown["payload"], shown["metadata"]],
				[firstId, entry?.tier, 0, 'say "hi"', { a: "b" }],
			);
		});
	});

	test("read: a plain space can be read, but is no stream", async ({ open }) => {
		await withStore(open(), async (store) => {
			await store.publish("space", "order-17", "placed");
			const [entry] = await store.streams.read("space");
			same([entry?.text(), entry?.partition], ["placed", undefined]);
			await refused("NOT_FOUND", store.streams.info("space"));
			same(await store.streams.list(), []);
			await store.streams.append("space", "first");
			same(ids(await store.streams.read("space")).length, 2, "an append makes it one, with what it holds");
			same((await store.streams.info("space")).count, 2);
		});
	});

	test("read: a closed store is refused by name", async ({ open }) => {
		const store = await open();
		const { streams } = store;
		await store.close();
		await refused("CLOSED", streams.read("s"));
		await refused("CLOSED", streams.append("s", "x"));
		await refused("CLOSED", streams.info("s"));
	});

	test("read: a signal that has fired is heeded", async ({ open }) => {
		await withStore(open(), async ({ streams }) => {
			const reason = new Error("no more");
			const signal = AbortSignal.abort(reason);
			ok((await rejection(streams.read("s", { signal }))) === reason, "the reason is what it rejects with");
			ok((await rejection(streams.list({ signal }))) === reason, "list heeds it too");
			ok((await rejection(streams.follow("s", { signal })[Symbol.asyncIterator]().next())) === reason, "and follow");
		});
	});
}
