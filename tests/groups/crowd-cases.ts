import { refused, same } from "../streams/assert.js";
import { type Case, numbers } from "../streams/harness.js";
import { ids, take, texts, withGroup } from "./harness.js";

const MODES = ["shared", "exclusive", "key_shared"] as const;
const CROWD = 70;

/** Many consumers that come once and fall silent, as processes do that have a name of their own each. */
export function crowdCases(test: Case): void {
	for (const mode of MODES) {
		test(`${mode}: any number of consumers may have fallen silent, whatever a commit takes`, (factory) =>
			withGroup(factory, async ({ group, store: { streams }, clock }) => {
				await group.create({ mode, consumerTimeout: 5000, ackTimeout: 0 });
				for (let n = 0; n < CROWD + 5; n++) await streams.append("s", String(n), { partitionKey: `k${n}` });
				for (let n = 0; n < CROWD; n++) {
					if (n % 2 === 0) await group.join(`c${n}`);
					else await group.read(`c${n}`, { limit: 1 });
					clock.advance(1);
				}
				clock.advance(10_000);
				const [first] = await group.read("new", { limit: 1 });
				same(first?.entry.text(), "0");
				await group.join("other");
				await group.leave("other");
				const all = [first];
				// A commit that takes few rows cuts a read short.
				for (let more = await group.read("new", { limit: 1000 }); more.length > 0; ) {
					all.push(...more);
					same(await group.ack("new", ids(more)), more.length);
					more = await group.read("new", { limit: 1000 });
				}
				same(
					all.map((one) => Number(one?.entry.text())).sort((a, b) => a - b),
					Array.from({ length: CROWD + 5 }, (_, n) => n),
				);
				same(
					(await group.info()).consumers.map(({ name }) => name),
					["new"],
				);
			}));

		test(`${mode}: what was trimmed under many consumers goes, whatever a commit takes`, (factory) =>
			withGroup(factory, async ({ group, store: { streams }, clock }) => {
				await group.create({ mode, consumerTimeout: 5000 });
				for (let n = 0; n < CROWD; n++) await streams.append("s", String(n), { partitionKey: `k${n}` });
				for (let n = 0; n < CROWD; n++) await group.read(`c${n}`, { limit: 1 });
				const held = (await group.pending()).map(({ id }) => id);
				await streams.trim("s", { maxCount: 1 });
				const [last] = await streams.read("s");
				const gone = held.filter((id) => id !== last?.id).length;
				clock.advance(10_000);
				same(await take(group, "new", 5), [String(CROWD - 1)]);
				const info = await group.info();
				same([info.pending, info.trimmedPending, info.lag], [1, gone, 0]);
			}));
	}

	test("exclusive: those who fell silent do not stand by", (factory) =>
		withGroup(factory, async ({ group, clock }) => {
			await group.create({ mode: "exclusive", maxStandbys: 40, consumerTimeout: 5000 });
			await group.join("holder");
			for (const name of numbers(40)) await group.join(name);
			await refused("GROUP_LOCKED", group.join("late"));
			clock.advance(3000);
			await group.join("holder");
			clock.advance(3000);
			await group.join("late");
			same(texts(await group.read("holder")), []);
			same(
				(await group.info()).consumers.map(({ name, active }) => [name, active]),
				[
					["holder", true],
					["late", false],
				],
			);
		}));
}
