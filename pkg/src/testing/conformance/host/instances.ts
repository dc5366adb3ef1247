import { isStreamkitError } from "../../../errors.js";
import { assert, equal, same, thrown } from "../assert.js";
import { type Case, needsChecks, needsConsistency, needsReopening, needsSecond, type Rule } from "../case.js";
import { applied, bytes, commit, countUp, keysOf, put, read, refused, sameKeys } from "../rows.js";

/** How long a host may take to answer what was under way. */
const ANSWER_MS = 20_000;

const needsClosing: Rule = ({ close }) => (close === undefined ? "the host has nothing to close" : undefined);

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
		name: "a commit under way is answered when the host is closed, and is there if it was applied",
		needs: [needsClosing, needsReopening],
		async run(setting) {
			const { host } = setting;
			const names = ["a", "b", "c", "d"];
			const answers = names.map((name) => commit(host, { puts: [[name, name]], durability: "strict" }));
			await host.close?.();
			const late = new Promise<never>((_, reject) => {
				setTimeout(() => reject(new Error("a commit that was under way is never answered")), ANSWER_MS);
			});
			const outcomes = await Promise.race([Promise.allSettled(answers), late]);
			const again = await setting.reopen();
			for (const [i, outcome] of outcomes.entries()) {
				if (outcome.status === "rejected") continue;
				same(await read(again, names[i] as string), bytes(names[i] as string), "a row that was answered as stored");
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
				const known = isStreamkitError(error, "CLOSED") || isStreamkitError(error, "UNAVAILABLE");
				assert(known, `${call} on a closed host: must be refused with CLOSED or UNAVAILABLE, got ${String(error)}`);
			}
		},
	},
];
