import { assert, equal, same } from "../assert.js";
import { type Case, needsBatches, needsChecks } from "../case.js";
import { applied, bytes, commit, keysOf, put, read, refused, sameKeys } from "../rows.js";

export const checkCases: readonly Case[] = [
	{
		name: "a check holds for the value that is there",
		needs: [needsChecks],
		async run({ host }) {
			await put(host, ["a", "1"]);
			await applied(host, { checks: [["a", "1"]], puts: [["a", "2"]] });
			same(await read(host, "a"), bytes("2"), "a");
		},
	},
	{
		name: "a check for absence holds for what is not there",
		needs: [needsChecks],
		async run({ host }) {
			await applied(host, { checks: [["a", undefined]], puts: [["a", ""]] });
			same(await read(host, "a"), bytes(""), "a");
		},
	},
	{
		name: "a check for absence fails for what is there, be it empty",
		needs: [needsChecks],
		async run({ host }) {
			await put(host, ["a", ""], ["b", "1"]);
			same((await refused(host, { checks: [["a", undefined]], puts: [["a", "x"]] })).current, bytes(""), "current");
			same((await refused(host, { checks: [["b", undefined]], puts: [["b", "x"]] })).current, bytes("1"), "current");
			same(await read(host, "a"), bytes(""), "a, untouched");
			same(await read(host, "b"), bytes("1"), "b, untouched");
		},
	},
	{
		name: "a check fails for another value, and says which is there",
		needs: [needsChecks],
		async run({ host }) {
			await put(host, ["a", "22"]);
			for (const other of ["", "2", "222", "23", "12"]) {
				const answer = await refused(host, { checks: [["a", other]], puts: [["a", "x"]] });
				equal(answer.check, 0, "check");
				same(answer.current, bytes("22"), "current");
			}
			same(await read(host, "a"), bytes("22"), "a, untouched");
		},
	},
	{
		name: "a check for a value fails for what is not there",
		needs: [needsChecks],
		async run({ host }) {
			for (const value of ["", "1"]) {
				same((await refused(host, { checks: [["a", value]], puts: [["a", "x"]] })).current, undefined, "current");
			}
			await put(host, ["a", "1"]);
			await applied(host, { deletes: ["a"] });
			same((await refused(host, { checks: [["a", "1"]], puts: [["a", "x"]] })).current, undefined, "current");
			same(await read(host, "a"), undefined, "a");
		},
	},
	{
		name: "a check compares all of a large value",
		needs: [needsChecks],
		async run({ host }) {
			const value = new Uint8Array(4000).fill(7);
			await put(host, ["a", value]);
			const last = value.slice();
			last[3999] = 8;
			same((await refused(host, { checks: [["a", last]], puts: [["a", "x"]] })).current, value, "current");
			await applied(host, { checks: [["a", value]], puts: [["a", last]] });
			same(await read(host, "a"), last, "a");
		},
	},
	{
		name: "a failed check refuses everything and says which it was",
		needs: [needsChecks, needsBatches],
		async run({ host }) {
			await put(host, ["a", "1"], ["b", "2"]);
			const answer = await refused(host, {
				checks: [
					["a", "1"],
					["b", "9"],
				],
				deletes: ["a"],
				puts: [
					["b", "3"],
					["c", "4"],
				],
			});
			equal(answer.check, 1, "check");
			same(answer.current, bytes("2"), "current");
			sameKeys(await keysOf(host, { limit: 10 }), ["a", "b"], "keys");
			same(await read(host, "b"), bytes("2"), "b");
		},
	},
	{
		name: "of several failed checks the first is named",
		needs: [needsChecks, needsBatches],
		async run({ host }) {
			await put(host, ["a", "1"], ["b", "2"], ["c", "3"]);
			const answer = await refused(host, {
				checks: [
					["a", "1"],
					["c", "9"],
					["b", "9"],
				],
				puts: [
					["a", "x"],
					["b", "x"],
					["c", "x"],
				],
			});
			equal(answer.check, 1, "check");
			same(answer.current, bytes("3"), "current");
		},
	},
	{
		name: "checks see the state before the commit's own writes",
		needs: [needsChecks, needsBatches],
		async run({ host }) {
			await put(host, ["a", "1"]);
			await applied(host, {
				checks: [
					["a", "1"],
					["b", undefined],
				],
				deletes: ["a"],
				puts: [["b", "1"]],
			});
			sameKeys(await keysOf(host, { limit: 10 }), ["b"], "keys");
			const answer = await refused(host, { checks: [["b", "2"]], puts: [["b", "2"]] });
			same(answer.current, bytes("1"), "current");
		},
	},
	{
		name: "a check may be of a row that the commit does not write",
		needs: [needsChecks, needsBatches],
		async run({ host }) {
			await put(host, ["a", "1"]);
			await applied(host, { checks: [["a", "1"]], puts: [["b", "1"]] });
			const answer = await refused(host, { checks: [["a", "2"]], puts: [["b", "2"]] });
			same(answer.current, bytes("1"), "current");
			same(await read(host, "a"), bytes("1"), "a");
			same(await read(host, "b"), bytes("1"), "b");
		},
	},
	{
		name: "a commit of checks alone only looks",
		needs: [needsChecks],
		async run({ host }) {
			await put(host, ["a", "1"]);
			await applied(host, { checks: [["a", "1"]] });
			await applied(host, { checks: [["b", undefined]] });
			await refused(host, { checks: [["a", undefined]] });
			sameKeys(await keysOf(host, { limit: 5 }), ["a"], "keys");
		},
	},
	{
		name: "of commits at once with the same check one wins",
		needs: [needsChecks],
		async run({ host }) {
			const attempts = Array.from({ length: 8 }, (_, i) =>
				commit(host, { checks: [["a", undefined]], puts: [["a", `${i}`]] }),
			);
			const answers = await Promise.all(attempts);
			const winners = answers.flatMap((answer, i) => (answer.applied ? [i] : []));
			equal(winners.length, 1, "commits that win");
			same(await read(host, "a"), bytes(`${winners[0]}`), "the winner's value");
			for (const answer of answers) if (!answer.applied) same(answer.current, bytes(`${winners[0]}`), "current");
		},
	},
	{
		name: "counting by checks loses nothing",
		needs: [needsChecks],
		async run({ host }) {
			const [counters, each] = [3, 4];
			const count = async (): Promise<void> => {
				let current: Uint8Array | undefined;
				for (let tries = 0; ; tries++) {
					// Of commits at once one always wins, so nobody can lose more often than the others count.
					assert(tries <= counters * each, "a check keeps failing though nobody else counts");
					const next = current === undefined ? 1 : Number(new TextDecoder().decode(current)) + 1;
					const answer = await commit(host, {
						checks: [["n", current === undefined ? undefined : new Uint8Array(current)]],
						puts: [["n", `${next}`]],
					});
					if (answer.applied) return;
					current = answer.current;
				}
			};
			await Promise.all(
				Array.from({ length: counters }, async () => {
					for (let i = 0; i < each; i++) await count();
				}),
			);
			same(await read(host, "n"), bytes(`${counters * each}`), "the count");
		},
	},
];
