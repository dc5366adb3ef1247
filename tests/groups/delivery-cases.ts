import { ok, refused, same } from "../streams/assert.js";
import { type Case, numbers } from "../streams/harness.js";
import { counts, EPOCH, ids, take, texts, withGroup } from "./harness.js";

/** Redelivery, deadlines, dead letters. */
export function deliveryCases(test: Case): void {
	test("what is not acknowledged in time comes back first, by deadline, then new records", (factory) =>
		withGroup(factory, async ({ group, store: { streams }, clock }) => {
			await streams.append("s", numbers(3));
			await group.read("a", { limit: 2 });
			clock.advance(10);
			await group.read("a", { limit: 1 });
			clock.advance(29_980);
			same(await take(group, "b"), []);
			await streams.append("s", "new");
			clock.advance(20);
			const again = await group.read("b");
			same(
				[texts(again), counts(again)],
				[
					["1", "2", "3", "new"],
					[2, 2, 2, 1],
				],
			);
			same(again[0]?.deadline, EPOCH + 60_010);
			same(
				(await group.pending()).map(({ consumer }) => consumer),
				["b", "b", "b", "b"],
			);
		}));

	test("ackTimeout 0: never by time", (factory) =>
		withGroup(factory, async ({ group, store: { streams }, clock }) => {
			await group.create({ ackTimeout: 0, consumerTimeout: 2 ** 40 });
			await streams.append("s", "x");
			const [one] = await group.read("a");
			same(one?.deadline, Number.MAX_SAFE_INTEGER);
			clock.advance(2 ** 39);
			same(await take(group, "b"), []);
			same((await group.pending())[0]?.deadline, Number.MAX_SAFE_INTEGER);
		}));

	test("touch: a deadline, also where nothing is due by time", (factory) =>
		withGroup(factory, async ({ group, store: { streams }, clock }) => {
			await group.create({ ackTimeout: 0, consumerTimeout: 2 ** 40 });
			await streams.append("s", numbers(2));
			const mine = ids(await group.read("a"));
			same(await group.touch("a", mine.slice(0, 1), { extend: 500 }), 1);
			same(
				(await group.pending()).map(({ deadline }) => deadline),
				[EPOCH + 500, Number.MAX_SAFE_INTEGER],
			);
			clock.advance(499);
			same(await take(group, "b"), []);
			clock.advance(1);
			same(await take(group, "b"), ["1"]);
		}));

	test("nack: at once, several, and after a delay", (factory) =>
		withGroup(factory, async ({ group, store: { streams }, clock }) => {
			await streams.append("s", numbers(3));
			const mine = ids(await group.read("a"));
			same(await group.nack("b", mine), 0);
			same(await group.nack("a", mine.slice(0, 2)), 2);
			same(await group.nack("a", mine.slice(2), { delay: 500 }), 1);
			const again = await group.read("b");
			same(
				[texts(again), counts(again)],
				[
					["1", "2"],
					[2, 2],
				],
			);
			same(await group.ack("a", mine.slice(0, 2)), 0);
			clock.advance(499);
			same(await take(group, "b"), []);
			clock.advance(1);
			same(await take(group, "b"), ["3"]);
		}));

	test("touch: the deadline is now and what was asked for", (factory) =>
		withGroup(factory, async ({ group, store: { streams }, clock }) => {
			await streams.append("s", numbers(3));
			const mine = ids(await group.read("a"));
			clock.advance(20_000);
			same(await group.touch("b", mine, { extend: 60_000 }), 0);
			same(await group.touch("a", mine.slice(1), { extend: 60_000 }), 2);
			same(
				(await group.pending()).map(({ deadline }) => deadline - EPOCH),
				[30_000, 80_000, 80_000],
			);
			await group.join("b");
			clock.advance(20_000);
			await group.touch("a", mine.slice(2), { extend: 70_000 });
			same(await take(group, "b"), ["1"]);
		}));

	test("leave: what is pending is due at once", (factory) =>
		withGroup(factory, async ({ group, store: { streams } }) => {
			await streams.append("s", numbers(3));
			const mine = ids(await group.read("a"));
			await group.leave("a");
			await group.leave("a");
			await group.leave("nobody");
			same((await group.info()).consumers, [{ name: "a", active: false, pending: 3 }]);
			same(await group.ack("a", mine.slice(0, 1)), 1);
			const left = await group.read("b");
			same(
				[texts(left), counts(left)],
				[
					["2", "3"],
					[2, 2],
				],
			);
			same((await group.info()).consumers, [{ name: "b", active: true, pending: 2 }]);
		}));

	test("a consumer not heard of for its time has left; being heard of keeps it", (factory) =>
		withGroup(factory, async ({ group, store: { streams }, clock }) => {
			await group.create({ ackTimeout: 0, consumerTimeout: 1000 });
			await streams.append("s", numbers(2));
			const mine = ids(await group.read("a"));
			clock.advance(900);
			await group.touch("a", mine, { extend: 10_000 });
			clock.advance(900);
			same(await take(group, "b"), []);
			clock.advance(100);
			same((await group.info()).consumers, [
				{ name: "a", active: false, pending: 2 },
				{ name: "b", active: true, pending: 0 },
			]);
			same(await take(group, "b"), ["1", "2"]);
		}));

	test("after the last delivery: to the dead-letter stream, with its origin", (factory) =>
		withGroup(factory, async ({ group, store: { streams }, clock }) => {
			await group.create({ maxDeliver: 2 });
			await streams.create("s", { partitions: 2 });
			const { firstId } = await streams.append("s", ["1", "2"], { partition: 1, headers: { own: "yes" } });
			await group.read("a");
			clock.advance(30_000);
			const last = await group.read("a");
			same(counts(last), [2, 2]);
			same(await group.nack("a", ids(last).slice(0, 1)), 1);
			const [letter, ...others] = await streams.read("s.g.dlq");
			same(others, []);
			same(letter?.text(), "1");
			same(letter?.metadata, {
				"origin-attempts": "2",
				"origin-group": "g",
				"origin-id": firstId,
				"origin-segment": "1",
				"origin-stream": "s",
				own: "yes",
			});
			clock.advance(30_000);
			same(await take(group, "b"), []);
			same(
				(await streams.read("s.g.dlq")).map((entry) => entry.text()),
				["1", "2"],
			);
			same((await group.info()).pending, 0);
			ok(
				(await streams.list()).some(({ name }) => name === "s.g.dlq"),
				"it is a stream like any",
			);
		}));

	test("replay: dead letters go back to the end, oldest first, once, as they were", (factory) =>
		withGroup(factory, async ({ group, store: { streams } }) => {
			await group.create({ maxDeliver: 1, deadLetterStream: "dead" });
			await streams.create("s", { partitions: 2 });
			for (const text of numbers(5)) {
				await streams.append("s", text, { partition: Number(text) % 2, headers: { own: text } });
			}
			same(await group.nack("a", ids(await group.read("a"))), 5);
			same((await streams.info("dead")).count, 5);
			same(await group.replay({ limit: 2 }), 2);
			same(
				(await streams.read("dead")).map((entry) => entry.text()),
				["3", "4", "5"],
			);
			same(await group.replay(), 3);
			same(await group.replay(), 0);
			const back = await group.read("a");
			same([texts(back), counts(back)], [numbers(5), [1, 1, 1, 1, 1]]);
			same(
				back.map(({ entry }) => entry.partition),
				[1, 0, 1, 0, 1],
			);
			same(
				back.map(({ entry }) => entry.metadata),
				numbers(5).map((own) => ({ own })),
			);
			same((await streams.info("s")).count, 10);
		}));

	test("replay: a key's letters go to the partition of the key, also of a stream that was made again", (factory) =>
		withGroup(factory, async ({ group, store: { streams } }) => {
			const keys = ["alice", "carol", "order-12345"];
			const options = { maxDeliver: 1, deadLetterStream: "dead" };
			await streams.create("s", { partitions: 4 });
			await group.create(options);
			for (const partitionKey of keys) await streams.append("s", partitionKey, { partitionKey });
			same(await group.nack("a", ids(await group.read("a"))), 3);
			await streams.delete("s", { force: true });
			await streams.create("s", { partitions: 3 });
			await group.create(options);
			same(await group.replay(), 3);
			for (const partitionKey of keys) {
				const found = await streams.read("s", { partitionKey });
				ok(
					found.some((entry) => entry.text() === partitionKey),
					partitionKey,
				);
			}
		}));

	test("replay: letters of another group of a shared dead-letter stream stay", (factory) =>
		withGroup(factory, async ({ store: { streams } }) => {
			const [one, two] = [streams.group("s", "one"), streams.group("s", "two")];
			for (const group of [one, two]) await group.create({ maxDeliver: 1, deadLetterStream: "dead" });
			await streams.append("s", "x");
			for (const group of [one, two]) await group.nack("a", ids(await group.read("a")));
			same(await two.replay(), 0);
			same(await one.replay(), 1);
			same(await two.replay(), 1);
			same((await streams.info("dead")).count, 0);
		}));

	test("maxDeliver 0: any number of times", (factory) =>
		withGroup(factory, async ({ group, store: { streams } }) => {
			await group.create({ maxDeliver: 0 });
			await streams.append("s", "x");
			for (let count = 1; count < 30; count++) {
				const got = await group.read("a");
				same(counts(got), [count]);
				await group.nack("a", ids(got));
			}
		}));

	test("trimmed records are dropped from the listing, and counted", (factory) =>
		withGroup(factory, async ({ group, store: { streams }, clock }) => {
			await streams.append("s", numbers(5));
			const mine = ids(await group.read("a", { limit: 3 }));
			await streams.trim("s", { before: mine[2] as string });
			const info = await group.info();
			same([info.pending, info.trimmedPending, info.lag], [1, 2, 2]);
			same(info.consumers, [{ name: "a", active: true, pending: 1 }]);
			same(
				(await group.pending()).map(({ id }) => id),
				mine.slice(2),
			);
			same(await group.ack("a", mine.slice(0, 1)), 0);
			clock.advance(30_000);
			same(await take(group, "b"), ["3", "4", "5"]);
			await streams.trim("s", { maxCount: 1 });
			const after = await group.info();
			same([after.pending, after.trimmedPending, after.lag], [1, 4, 0]);
		}));

	test("trimmed before it was delivered: skipped", (factory) =>
		withGroup(factory, async ({ group, store: { streams } }) => {
			await group.create();
			await streams.append("s", numbers(5));
			await streams.trim("s", { maxCount: 2 });
			same((await group.info()).lag, 2);
			same(await take(group, "a"), ["4", "5"]);
		}));

	test("deleting a stream deletes its groups", (factory) =>
		withGroup(factory, async ({ group, store: { streams } }) => {
			await streams.append("s", numbers(2));
			await group.read("a");
			await streams.delete("s", { force: true });
			await refused("NOT_FOUND", group.info());
			await refused("NOT_FOUND", group.ack("a", ["1-0"]));
			await streams.append("s", "3");
			await refused("NOT_FOUND", group.info());
			same(await take(group, "a"), ["3"]);
			const info = await group.info();
			same([info.pending, info.trimmedPending, info.lag], [1, 0, 0]);
		}));
}
