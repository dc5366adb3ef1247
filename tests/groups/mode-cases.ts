import type { Delivery } from "streamkit";
import { ok, refused, same } from "../streams/assert.js";
import { type Case, numbers } from "../streams/harness.js";
import { ids, take, texts, withGroup } from "./harness.js";

const KEYS = Array.from({ length: 12 }, (_, i) => `key-${i}`);

/** The texts of one key. */
function ofKey(deliveries: readonly Delivery[], key: string): string[] {
	return texts(deliveries.filter(({ entry }) => entry.metadata["partition-key"] === key));
}

/** Exclusive groups, and groups by key. */
export function modeCases(test: Case): void {
	test("exclusive: one holds it, the next in line takes over", (factory) =>
		withGroup(factory, async ({ group, store: { streams } }) => {
			same((await group.create({ mode: "exclusive" })).mode, "exclusive");
			await streams.append("s", numbers(3));
			same(await take(group, "a", 1), ["1"]);
			same(await take(group, "b"), []);
			same(await take(group, "c"), []);
			const { consumers } = await group.info();
			same(
				consumers.map(({ name, active }) => [name, active]),
				[
					["a", true],
					["b", false],
					["c", false],
				],
			);
			await group.leave("a");
			same(await take(group, "c"), []);
			same(await take(group, "b"), ["1", "2", "3"]);
			await group.join("a");
			await group.leave("b");
			same(await take(group, "a"), []);
			same(await take(group, "c"), ["1", "2", "3"]);
		}));

	test("exclusive: kept by being heard from", (factory) =>
		withGroup(factory, async ({ group, store: { streams }, clock }) => {
			await group.create({ mode: "exclusive", consumerTimeout: 1000 });
			await streams.append("s", numbers(2));
			const mine = ids(await group.read("a"));
			await group.join("b");
			clock.advance(600);
			await group.touch("a", mine, { extend: 10_000 });
			clock.advance(600);
			await group.join("b");
			same(await take(group, "b"), []);
			clock.advance(400);
			same(await take(group, "b"), ["1", "2"]);
			same(await take(group, "a"), []);
			same(await group.ack("a", mine), 0);
			same(await group.ack("b", mine), 2);
		}));

	test("exclusive: a singleton refuses a second consumer", (factory) =>
		withGroup(factory, async ({ group }) => {
			await group.create({ mode: "exclusive", maxStandbys: 0 });
			await group.join("a");
			await group.join("a");
			await refused("GROUP_LOCKED", group.join("b"));
			await refused("GROUP_LOCKED", group.read("b"));
			await refused("GROUP_LOCKED", group.read("b", { block: 0 }));
			await group.leave("a");
			await group.join("b");
			await refused("GROUP_LOCKED", group.join("a"));
		}));

	test("exclusive: so many may wait", (factory) =>
		withGroup(factory, async ({ group }) => {
			await group.create({ mode: "exclusive", maxStandbys: 2 });
			for (const consumer of ["a", "b", "c"]) await group.join(consumer);
			await refused("GROUP_LOCKED", group.join("d"));
			await group.leave("b");
			await group.join("d");
		}));

	test("key_shared: a key goes to one consumer, in order, whoever asks first", (factory) =>
		withGroup(factory, async ({ group, store: { streams } }) => {
			await group.create({ mode: "key_shared" });
			await group.join("a");
			await group.join("b");
			for (const round of numbers(4)) {
				for (const key of KEYS) await streams.append("s", `${key} ${round}`, { partitionKey: key });
			}
			const a: Delivery[] = [];
			const b: Delivery[] = [];
			for (let i = 0; i < 30; i++) {
				a.push(...(await group.read("a", { limit: 3 })));
				b.push(...(await group.read("b", { limit: 3 })));
			}
			same(a.length + b.length, 48);
			ok(a.length > 0 && b.length > 0, "both get some");
			for (const key of KEYS) {
				const [ofA, ofB] = [ofKey(a, key), ofKey(b, key)];
				ok(ofA.length === 0 || ofB.length === 0, `${key} goes to one`);
				same(
					[...ofA, ...ofB],
					numbers(4).map((round) => `${key} ${round}`),
				);
			}
			const info = await group.info();
			same([info.pending, info.lag], [48, 0]);
		}));

	test("key_shared: a key that moves waits until its last consumer is done with it", (factory) =>
		withGroup(factory, async ({ group, store: { streams } }) => {
			await group.create({ mode: "key_shared", slots: 64 });
			for (const key of KEYS) await streams.append("s", `${key} 1`, { partitionKey: key });
			const all = await group.read("a", { limit: 100 });
			same(all.length, KEYS.length);
			await group.join("b");
			for (const key of KEYS) await streams.append("s", `${key} 2`, { partitionKey: key });
			same(await take(group, "b", 100), []);
			const mine = await group.read("a", { limit: 100 });
			ok(mine.length > 0 && mine.length < KEYS.length, "some keys are b's now");
			await group.ack("a", ids(all));
			const theirs = await group.read("b", { limit: 100 });
			same(mine.length + theirs.length, KEYS.length);
			await group.leave("a");
			same(texts(await group.read("b", { limit: 100 })), texts(mine));
		}));

	test("key_shared: without a key, the partition is the key", (factory) =>
		withGroup(factory, async ({ group, store: { streams } }) => {
			await group.create({ mode: "key_shared" });
			await streams.create("s", { partitions: 8 });
			for (const consumer of ["a", "b"]) await group.join(consumer);
			for (const text of numbers(32)) await streams.append("s", text, { partition: Number(text) % 8 });
			const a = await group.read("a", { limit: 100 });
			const b = await group.read("b", { limit: 100 });
			same(a.length + b.length, 32);
			const partitions = new Set(a.map(({ entry }) => entry.partition));
			ok(!b.some(({ entry }) => partitions.has(entry.partition)), "no partition goes to both");
		}));

	test("key_shared: what is due comes by deadline, own records and what was left behind", (factory) =>
		withGroup(factory, async ({ group, store: { streams }, clock }) => {
			await group.create({ mode: "key_shared", ackTimeout: 10_000, consumerTimeout: 2 ** 40 });
			await group.join("a");
			await group.join("b");
			for (const key of KEYS) await streams.append("s", key, { partitionKey: key });
			const left = texts(await group.read("b"));
			const own = texts(await group.read("a"));
			ok(left.length > 1 && own.length > 1, "both have some");
			await group.leave("b");
			clock.advance(20_000);
			same(await take(group, "a", left.length), left);
			same(await take(group, "a", own.length), own);
		}));
}
