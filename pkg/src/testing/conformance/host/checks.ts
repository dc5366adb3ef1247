import type { Bytes } from "../../../common/bytes.js";
import { equal, same } from "../assert.js";
import { type Case, needsBatches, needsChecks } from "../case.js";
import {
	applied,
	bytes,
	commit,
	countUp,
	keysOf,
	type Piece,
	put,
	ROW_PREFIX_BYTES,
	read,
	refused,
	sameKeys,
} from "../rows.js";

/** Values that differ, and are alike where they are compared as anything but bytes. */
const ALIKE: readonly (readonly [Piece, Piece])[] = [
	["a", "A"],
	["a", "a "],
	["a", "a\0"],
	["a", "\0a"],
	["abcd", "axyd"],
	["\u00e9", "e\u0301"],
	[[0x80], [0x81]],
	[
		[0xff, 0xfe],
		[0xff, 0xff],
	],
	["1", "1.0"],
];

export const checkCases: readonly Case[] = [
	{
		name: "a check holds for the value that is there",
		needs: [needsChecks],
		async run({ host }) {
			await put(host, ["a", "1"]);
			await applied(host, { checks: [["a", "1"]], puts: [["a", "2"]] });
			same(await read(host, "a"), bytes("2"), "a");
			await applied(host, { checks: [["a", "2"]], puts: [["a", ""]] });
			await applied(host, { checks: [["a", ""]], puts: [["a", "3"]] });
			same(await read(host, "a"), bytes("3"), "a, after it was empty");
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
			const { maxValueBytes, maxBatchBytes } = host.limits;
			for (const most of [12_000, 200_000]) {
				const size = Math.min(most, maxValueBytes, maxBatchBytes - 100);
				const value = new Uint8Array(size).fill(7);
				const changed = (at: number): Bytes => value.map((byte, i) => (i === at ? 8 : byte));
				await put(host, ["a", value]);
				for (const at of [0, size >> 1, size - 1]) {
					const answer = await refused(host, { checks: [["a", changed(at)]], puts: [["a", "x"]] });
					same(answer.current, value, `current of ${size} bytes`);
				}
				await applied(host, { checks: [["a", value]], puts: [["a", changed(0)]] });
				same(await read(host, "a"), changed(0), `a, of ${size} bytes`);
			}
		},
	},
	{
		name: "a check compares bytes, and not what they may mean",
		needs: [needsChecks],
		async run({ host }) {
			for (const [one, other] of ALIKE) {
				for (const [stored, checked] of [
					[one, other],
					[other, one],
				] as const) {
					await put(host, ["a", bytes(stored)]);
					const answer = await refused(host, { checks: [["a", bytes(checked)]], puts: [["a", "x"]] });
					same(answer.current, bytes(stored), "current");
				}
			}
		},
	},
	{
		name: "a check may be of the longest keys",
		needs: [needsChecks],
		async run({ host }) {
			const key = "k".repeat(Math.min(host.limits.maxKeyBytes, 1000) - ROW_PREFIX_BYTES);
			await refused(host, { checks: [[key, "1"]], puts: [[key, "x"]] });
			await put(host, [key, "1"]);
			await refused(host, { checks: [[key, undefined]], puts: [[key, "x"]] });
			await applied(host, { checks: [[key, "1"]], puts: [[key, "2"]] });
			same(await read(host, key), bytes("2"), "the row");
		},
	},
	{
		name: "checks are made alike whatever the durability, and of deletes alone",
		needs: [needsChecks],
		async run({ host }) {
			for (const before of ["strict", "relaxed"] as const) {
				await applied(host, { puts: [["a", before]], durability: before });
				for (const durability of ["strict", "relaxed"] as const) {
					for (const checks of [[["a", undefined]], [["a", "no"]]] as const) {
						for (const change of [{ puts: [["a", "x"]] }, { deletes: ["a"] }] as const) {
							const answer = await refused(host, { checks, ...change, durability });
							same(answer.current, bytes(before), `current, ${durability} after ${before}`);
						}
					}
					same(await read(host, "a"), bytes(before), "a, untouched");
				}
			}
			await applied(host, { checks: [["a", "relaxed"]], deletes: ["a"], durability: "strict" });
			await applied(host, { checks: [["a", undefined]], puts: [["a", "1"]], durability: "strict" });
			await applied(host, { checks: [["a", "1"]], deletes: ["a"], durability: "relaxed" });
			await refused(host, { checks: [["a", "1"]], puts: [["a", "2"]], durability: "strict" });
			same(await read(host, "a"), undefined, "a");
		},
	},
	{
		name: "of many checks all are made",
		needs: [needsChecks, needsBatches],
		async run({ host }) {
			const names = Array.from({ length: 12 }, (_, i) => `k${i + 10}`);
			await put(host, ...names.map((name) => [name, name] as const));
			for (const [failing, name] of names.entries()) {
				const answer = await refused(host, {
					checks: names.map((one) => [one, one === name ? "another" : one] as const),
					deletes: ["k10"],
					puts: [["new", "1"]],
				});
				equal(answer.check, failing, "check");
				same(answer.current, bytes(name), "current");
			}
			sameKeys(await keysOf(host, { limit: 20 }), names, "keys");
			await applied(host, { checks: names.map((name) => [name, name] as const), puts: [["new", "1"]] });
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
			await Promise.all(Array.from({ length: counters }, () => countUp(host, "n", each, counters * each)));
			same(await read(host, "n"), bytes(`${counters * each}`), "the count");
		},
	},
];
