import { manualClock } from "streamkit/testing";
import { same } from "../streams/assert.js";
import { type Case, numbers, withStore } from "../streams/harness.js";
import { counts, EPOCH, ids, take, texts } from "./harness.js";

/** What a group remembers, and how several instances share it. */
export function lastingCases(test: Case): void {
	test("a group remembers through restarts", async ({ open, reopen }) => {
		const clock = manualClock(EPOCH);
		let mine: string[] = [];
		await withStore(open({ clock }), async ({ streams }) => {
			await streams.append("s", numbers(6));
			const group = streams.group("s", "g");
			await group.create({ consumerTimeout: 100_000 });
			mine = ids(await group.read("a", { limit: 4 }));
			await group.join("b");
			await group.ack("a", mine.slice(1, 2));
			await group.nack("a", mine.slice(3), { delay: 40_000 });
		});
		clock.advance(10);
		await withStore(reopen({ clock }), async ({ streams }) => {
			const group = streams.group("s", "g");
			const info = await group.info();
			same([info.pending, info.lag, info.lastDeliveredId], [3, 2, mine[3]]);
			same(info.consumers, [
				{ name: "a", active: true, pending: 3 },
				{ name: "b", active: true, pending: 0 },
			]);
			same(
				(await group.pending()).map(({ deadline }) => deadline - EPOCH),
				[30_000, 30_000, 40_000],
			);
			same(await group.ack("a", mine.slice(0, 1)), 1);
			same(await take(group, "b"), ["5", "6"]);
			clock.advance(40_000);
			const again = await group.read("c");
			same(
				[texts(again), counts(again)],
				[
					["3", "5", "6", "4"],
					[2, 2, 2, 2],
				],
			);
		});
	});

	test("two instances share a group", async ({ open, second }) => {
		if (second === undefined) return;
		await withStore(open(), (one) =>
			withStore(second(), async (two) => {
				await one.streams.append("s", numbers(40));
				const [a, b] = [one.streams.group("s", "g"), two.streams.group("s", "g")];
				const got = { a: [] as string[], b: [] as string[] };
				await Promise.all([
					(async () => {
						for (let i = 0; i < 10; i++) got.a.push(...ids(await a.read("a", { limit: 2 })));
					})(),
					(async () => {
						for (let i = 0; i < 10; i++) got.b.push(...ids(await b.read("b", { limit: 2 })));
					})(),
				]);
				same(new Set([...got.a, ...got.b]).size, 40);
				same(await b.ack("a", got.a), got.a.length);
				same(await a.ack("b", got.b), got.b.length);
				same((await a.info()).pending, 0);
			}),
		);
	});

	test("another instance's append, and another one's nack, end a wait", async ({ open, second }) => {
		if (second === undefined) return;
		await withStore(open({ pollInterval: 50 }), (one) =>
			withStore(second({ pollInterval: 50 }), async (two) => {
				const [a, b] = [one.streams.group("s", "g"), two.streams.group("s", "g")];
				await a.create();
				const waiting = a.read("a", { block: 0 });
				await two.streams.append("s", "x");
				const got = ids(await waiting);
				const again = b.read("b", { block: 0 });
				same(await a.nack("a", got), 1);
				same(counts(await again), [2]);
			}),
		);
	});
}
