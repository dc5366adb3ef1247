import { assert, equal, errorOf, same, thrown } from "../assert.js";
import {
	type Case,
	needsChecks,
	needsConsistency,
	needsReopening,
	needsSecond,
	type Rule,
	Unanswered,
} from "../case.js";
import {
	applied,
	bytes,
	type Content,
	commit,
	countUp,
	keysOf,
	type Piece,
	put,
	read,
	refused,
	rowsAre,
	sameKeys,
} from "../rows.js";

const needsClosing: Rule = ({ close }) => (close === undefined ? "the host has nothing to close" : undefined);

/** Whether an error of a commit says that nothing of it was applied. */
function isCertain(thrown: unknown): boolean {
	const error = errorOf(thrown);
	if (error === undefined) return false;
	return ["LIMIT_EXCEEDED", "QUOTA_EXCEEDED", "CLOSED"].includes(error.code) || error.details["applied"] === false;
}

export const instanceCases: readonly Case[] = [
	{
		name: "a second instance sees what the first wrote",
		needs: [needsSecond, needsConsistency],
		async run(setting) {
			const { host } = setting;
			await put(host, ["a", "0"]);
			const other = await setting.second();
			same(await read(other, "a"), bytes("0"), "what was there before");
			const rows: string[] = [];
			for (const [writer, reader, value] of [
				[host, other, "1"],
				[other, host, "2"],
				[host, other, "3"],
			] as const) {
				same(await read(reader, `row ${value}`), undefined, "a row that is not there yet");
				await put(writer, ["a", value], [`row ${value}`, ""]);
				rows.push(`row ${value}`);
				same(await read(reader, "a"), bytes(value), "a");
				same(await read(reader, `row ${value}`), bytes(""), "a row that is new");
				sameKeys(await keysOf(reader, { limit: 10 }), ["a", ...rows], "keys");
			}
			await applied(host, { deletes: ["a"] });
			same(await read(other, "a"), undefined, "a, deleted");
			sameKeys(await keysOf(other, { limit: 10 }), ["row 1", "row 2", "row 3"], "keys");
		},
	},
	{
		name: "two instances check against each other",
		needs: [needsSecond, needsChecks],
		async run(setting) {
			const { host } = setting;
			const other = await setting.second();
			const attempts = [host, other, host, other].map((one, i) =>
				commit(one, { checks: [["a", undefined]], puts: [["a", `${i}`]] }),
			);
			const answers = await Promise.all(attempts);
			const winner = answers.findIndex((answer) => answer.applied);
			equal(answers.filter((answer) => answer.applied).length, 1, "commits that win");
			for (const one of [host, other]) {
				const answer = await refused(one, { checks: [["a", "no"]], puts: [["a", "x"]] });
				same(answer.current, bytes(`${winner}`), "current");
			}
		},
	},
	{
		name: "two instances that count by checks lose nothing",
		needs: [needsSecond, needsChecks],
		async run(setting) {
			const other = await setting.second();
			const hosts = [other, setting.host, other, setting.host];
			const each = 4;
			await Promise.all(hosts.map((host) => countUp(host, "n", each, hosts.length * each)));
			for (const host of hosts) same(await read(host, "n"), bytes(`${hosts.length * each}`), "the count");
		},
	},
	{
		name: "closing one instance leaves the other open",
		needs: [needsSecond, needsClosing],
		async run(setting) {
			const other = await setting.second();
			if (other === setting.host) return setting.skip("a second instance is the same host again");
			await put(other, ["a", "1"]);
			await other.close?.();
			same(await read(setting.host, "a"), bytes("1"), "a");
			await put(setting.host, ["b", "2"]);
			// Nor does it matter which of them was the first.
			const later = await setting.second();
			await setting.host.close?.();
			same(await read(later, "b"), bytes("2"), "b");
			await put(later, ["c", "3"]);
		},
	},
	{
		name: "what was written is there after reopening",
		needs: [needsReopening],
		async run(setting) {
			const { host } = setting;
			await put(host, ["a", "1"], ["b", "2"]);
			await applied(host, { deletes: ["b"], durability: "strict" });
			await put(host, ["x", "old"], ["y", "old"]);
			await applied(host, { puts: [["c", "3"]], durability: "strict" });
			// Nothing strict follows: closing is no power loss.
			await put(host, ["x", "new"]);
			await applied(host, { deletes: ["y"] });
			const again = await setting.reopen();
			same(await read(again, "a"), bytes("1"), "a");
			same(await read(again, "c"), bytes("3"), "c");
			same(await read(again, "x"), bytes("new"), "x");
			sameKeys(await keysOf(again, { limit: 5 }), ["a", "c", "x"], "keys");
			await put(again, ["d", "4"]);
			sameKeys(await keysOf(again, { limit: 5 }), ["a", "c", "d", "x"], "keys");
		},
	},
	{
		name: "rows of all kinds are there after reopening, however often",
		needs: [needsReopening],
		async run(setting) {
			const { host } = setting;
			const every = new Uint8Array(256).map((_, i) => i);
			const large = new Uint8Array(Math.min(200_000, host.limits.maxValueBytes, host.limits.maxBatchBytes - 400));
			const key = [...every.subarray(0, 128)];
			await put(host, [key, every], ["again", "1"], ["empty", ""], ["large", large.fill(7)], ["replaced", "1"]);
			await applied(host, { deletes: ["again"] });
			await put(host, ["again", "2"], ["replaced", "22"]);
			if (host.limits.checks) await refused(host, { checks: [["empty", undefined]], puts: [["empty", "x"]] });
			const rows = [
				[key, every],
				["again", "2"],
				["empty", ""],
				["large", large],
				["replaced", "22"],
			] as (readonly [Piece, Content])[];
			const again = await setting.reopen();
			await rowsAre(again, rows, "rows, after reopening");
			await put(again, ["second", "1"]);
			await again.close?.();
			await rowsAre(await setting.reopen(), [...rows, ["second", "1"]], "rows, after reopening twice");
		},
	},
	{
		name: "a host that was reopened makes checks against what is there",
		needs: [needsReopening, needsChecks],
		async run(setting) {
			await put(setting.host, ["a", "1"]);
			const again = await setting.reopen();
			const answer = await refused(again, { checks: [["a", undefined]], puts: [["a", "x"]] });
			same(answer.current, bytes("1"), "current");
			await refused(again, { checks: [["a", "2"]], puts: [["a", "x"]] });
			await refused(again, { checks: [["b", "1"]], puts: [["b", "x"]] });
			await applied(again, { checks: [["a", "1"]], deletes: ["a"] });
			same(await read(again, "a"), undefined, "a");
		},
	},
	{
		name: "a check goes by what is there, and not by who wrote it or how often",
		needs: [needsSecond, needsChecks],
		async run(setting) {
			const { host } = setting;
			const other = await setting.second();
			await put(host, ["a", "1"]);
			same(await read(other, "a"), bytes("1"), "a");
			await put(host, ["a", "2"]);
			await put(host, ["a", "1"]);
			await applied(other, { checks: [["a", "1"]], puts: [["a", "3"]] });
			await applied(host, { checks: [["a", "3"]], deletes: ["a"] });
			await applied(other, { checks: [["a", undefined]], puts: [["a", "4"]] });
			const answer = await refused(host, { checks: [["a", undefined]], puts: [["a", "x"]] });
			same(answer.current, bytes("4"), "current");
		},
	},
	{
		// A store looks again before it refuses something only where others may have written.
		name: "a host that can be open twice says that it is shared",
		needs: [needsSecond, needsChecks],
		async run({ host }) {
			assert(host.limits.shared, "limits.shared must be true where there is a second instance that may write");
		},
	},
	{
		name: "calls under way are answered when the host is closed, and a commit is there if that says so",
		needs: [needsClosing, needsReopening],
		async run(setting) {
			const { host } = setting;
			const names = ["a", "b", "c", "d"];
			const answers = names.map((name) => commit(host, { puts: [[name, name]], durability: "strict" }));
			const reads = [read(host, "a"), keysOf(host, { limit: 1 })];
			const closing = host.close?.();
			const outcomes = await Promise.allSettled([...answers, ...reads, closing]);
			await thrown(() => put(host, ["late", "1"]), "a commit on a closed host");
			assert(outcomes.pop()?.status === "fulfilled", "close must not fail");
			for (const outcome of outcomes) {
				if (outcome.status === "rejected" && outcome.reason instanceof Unanswered) throw outcome.reason;
			}
			const again = await setting.reopen();
			same(await read(again, "late"), undefined, "a row of a commit after the host was closed");
			for (const [i, name] of names.entries()) {
				const outcome = outcomes[i] as (typeof outcomes)[number];
				const stored = await read(again, name);
				if (outcome.status === "fulfilled") same(stored, bytes(name), "a row that was answered as stored");
				else if (isCertain(outcome.reason)) same(stored, undefined, `a row that was refused, ${outcome.reason}`);
			}
		},
	},
	{
		name: "a closed host refuses, and closing twice is no error",
		needs: [needsClosing],
		async run({ host }) {
			await put(host, ["a", "1"]);
			await host.close?.();
			await host.close?.();
			for (const [call, run] of [
				["get", () => read(host, "a")],
				["scan", () => keysOf(host, { limit: 1 })],
				["commit", () => put(host, ["b", "2"])],
			] as const) {
				const error = await thrown(run, `${call} on a closed host`);
				const closed = errorOf(error)?.code === "CLOSED";
				assert(closed, `${call} on a closed host: must be refused with CLOSED, got ${String(error)}`);
			}
		},
	},
];
