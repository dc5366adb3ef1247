import { refused, same } from "../streams/assert.js";
import { type Case, numbers, withStore } from "../streams/harness.js";
import { counts, EPOCH, held, ids, take, texts, withGroup } from "./harness.js";

/** Creating, reading, acknowledging, listing. */
export function basicCases(test: Case): void {
	test("create: before its stream, once, and again after delete", (factory) =>
		withGroup(factory, async ({ group, store }) => {
			const info = await group.create();
			same(info, {
				stream: "s",
				group: "g",
				mode: "shared",
				consumers: [],
				pending: 0,
				trimmedPending: 0,
				lastDeliveredId: "0-0",
				lag: 0,
				createdAt: EPOCH,
			});
			await refused("ALREADY_EXISTS", group.create());
			await store.streams.append("s", numbers(3));
			same(await take(group, "a"), numbers(3));
			await group.delete();
			await refused("NOT_FOUND", group.delete());
			await refused("NOT_FOUND", group.info());
			await group.create();
			same(await take(group, "a"), numbers(3));
		}));

	test("what is missing is NOT_FOUND, but for a read and a join", (factory) =>
		withGroup(factory, async ({ group }) => {
			await refused("NOT_FOUND", group.ack("a", ["1-0"]), /group/);
			await refused("NOT_FOUND", group.nack("a", ["1-0"]));
			await refused("NOT_FOUND", group.touch("a", ["1-0"], { extend: 1 }));
			await refused("NOT_FOUND", group.leave("a"));
			await refused("NOT_FOUND", group.pending());
			await refused("NOT_FOUND", group.replay());
			await refused("NOT_FOUND", group.info());
			await group.join("a");
			same((await group.info()).consumers, [{ name: "a", active: true, pending: 0 }]);
			await group.join("a");
			same((await group.info()).consumers.length, 1);
		}));

	test("read: creates the group, joins the consumer, gives each record to one", (factory) =>
		withGroup(factory, async ({ group, store: { streams } }) => {
			const { firstId } = await streams.append("s", numbers(5), { headers: { kind: "x" } });
			const first = await group.read("a", { limit: 2 });
			same(
				[texts(first), counts(first)],
				[
					["1", "2"],
					[1, 1],
				],
			);
			same(first[0]?.entry.id, firstId);
			same(first[0]?.entry.partition, 0);
			same(first[0]?.entry.metadata, { kind: "x" });
			same(first[0]?.deadline, EPOCH + 30_000);
			same(await take(group, "b", 2), ["3", "4"]);
			const info = await group.info();
			same([info.pending, info.lag, info.lastDeliveredId], [4, 1, ids(first)[0]?.replace(/-\d+$/, "-3")]);
			same(await take(group, "a"), ["5"]);
			same(await take(group, "a"), []);
			same((await group.info()).lag, 0);
		}));

	test("read: the default limit is 10, the most 1000", (factory) =>
		withGroup(factory, async ({ group, store: { streams } }) => {
			await streams.append("s", numbers(1200));
			same((await group.read("a")).length, 10);
			same((await group.read("a", { limit: 1000 })).length, 1000);
			same((await group.info()).pending, 1010);
			same((await group.pending()).length, 1000);
		}));

	test("ack: counts what was pending for that consumer, and lowers what is pending", (factory) =>
		withGroup(factory, async ({ group, store: { streams }, clock }) => {
			await streams.append("s", numbers(4));
			const mine = ids(await group.read("a", { limit: 3 }));
			const [first, second, third] = mine as [string, string, string];
			same(await group.ack("b", mine), 0);
			same(await group.ack("a", [first, first, "1-1"]), 1);
			same(held(await group.pending()), [
				[second, "a"],
				[third, "a"],
			]);
			same(await group.ack("a", [first, second, third]), 2);
			same((await group.info()).pending, 0);
			clock.advance(60_000);
			same(await take(group, "a"), ["4"]);
		}));

	test("pending: by consumer, with limit, after an id", (factory) =>
		withGroup(factory, async ({ group, store: { streams } }) => {
			await streams.append("s", numbers(6));
			const a = ids(await group.read("a", { limit: 2 }));
			const b = ids(await group.read("b", { limit: 3 }));
			same(
				held(await group.pending({ consumer: "b" })),
				b.map((id) => [id, "b"]),
			);
			same(
				held(await group.pending({ limit: 3 })).map(([id]) => id),
				[...a, b[0]],
			);
			same(
				held(await group.pending({ after: a[1] })).map(([id]) => id),
				b,
			);
			same(await group.pending({ consumer: "nobody" }), []);
			const [one] = await group.pending({ limit: 1 });
			same(one, { id: a[0], consumer: "a", deliveryCount: 1, deliveredAt: EPOCH, deadline: EPOCH + 30_000 });
		}));

	test("a group reads all partitions, in id order, and consumers share them", (factory) =>
		withGroup(factory, async ({ group, store: { streams } }) => {
			await streams.create("s", { partitions: 3 });
			for (const text of numbers(9)) await streams.append("s", text, { partition: Number(text) % 3 });
			const a = await group.read("a", { limit: 4 });
			same(texts(a), ["1", "2", "3", "4"]);
			same(
				a.map(({ entry }) => entry.partition),
				[1, 2, 0, 1],
			);
			same(await take(group, "b"), ["5", "6", "7", "8", "9"]);
		}));

	test("groups of one name on two streams, and two groups of one stream, know nothing of each other", (factory) =>
		withStore(factory.open(), async ({ streams }) => {
			await streams.append("s", ["1", "2"]);
			await streams.append("s2", "x");
			same(await take(streams.group("s", "g"), "a"), ["1", "2"]);
			same(await take(streams.group("s2", "g"), "a"), ["x"]);
			same(await take(streams.group("s", "g2"), "a"), ["1", "2"]);
			same(await take(streams.group("s", "g"), "a"), []);
		}));

	test("start: the beginning, the end, an id", (factory) =>
		withGroup(factory, async ({ store: { streams } }) => {
			const { lastId } = await streams.append("s", numbers(3));
			const end = streams.group("s", "end");
			await end.create({ start: "$" });
			const at = streams.group("s", "at");
			same((await at.create({ start: lastId })).lag, 1);
			await streams.append("s", "4");
			same(await take(streams.group("s", "all"), "a"), numbers(4));
			same(await take(end, "a"), ["4"]);
			same(await take(at, "a"), ["3", "4"]);
			const late = streams.group("none", "late");
			await late.create({ start: "$" });
			await streams.append("none", "x");
			same(await take(late, "a"), ["x"]);
		}));

	test("noAck: at most once", (factory) =>
		withGroup(factory, async ({ group, store: { streams }, clock }) => {
			await streams.append("s", numbers(3));
			same(texts(await group.read("a", { limit: 2, noAck: true })), ["1", "2"]);
			same((await group.info()).pending, 0);
			clock.advance(1_000_000);
			same(await take(group, "b"), ["3"]);
		}));
}
