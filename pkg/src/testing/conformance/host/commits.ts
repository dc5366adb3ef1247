import { same } from "../assert.js";
import { type Case, needsBatches } from "../case.js";
import { applied, bytes, keysOf, put, read, sameKeys } from "../rows.js";

export const commitCases: readonly Case[] = [
	{
		name: "a put replaces",
		async run({ host }) {
			for (const value of ["1", "22", ""]) await put(host, ["a", value]);
			same(await read(host, "a"), bytes(""), "the last value");
			sameKeys(await keysOf(host, { limit: 5 }), ["a"], "one row");
		},
	},
	{
		name: "a delete removes, and of nothing is no error",
		async run({ host }) {
			await put(host, ["a", "1"], ["aa", "2"], ["b", "3"]);
			await applied(host, { deletes: ["a"] });
			await applied(host, { deletes: ["x"] });
			same(await read(host, "a"), undefined, "a");
			sameKeys(await keysOf(host, { limit: 5 }), ["aa", "b"], "what is left");
		},
	},
	{
		name: "what was deleted can be written again",
		async run({ host }) {
			await put(host, ["a", "1"]);
			await applied(host, { deletes: ["a"] });
			await put(host, ["a", "2"]);
			same(await read(host, "a"), bytes("2"), "a");
		},
	},
	{
		name: "a commit applies its deletes and its puts",
		needs: [needsBatches],
		async run({ host }) {
			await put(host, ["a", "1"], ["b", "2"], ["c", "3"]);
			await applied(host, {
				deletes: ["a", "c", "never"],
				puts: [
					["b", "22"],
					["d", "4"],
				],
			});
			sameKeys(await keysOf(host, { limit: 10 }), ["b", "d"], "keys");
			same(await read(host, "b"), bytes("22"), "b");
		},
	},
	{
		name: "an empty commit applies",
		async run({ host }) {
			await applied(host, {});
		},
	},
	{
		name: "either durability is taken",
		async run({ host }) {
			await applied(host, { puts: [["a", "1"]], durability: "strict" });
			await applied(host, { puts: [["b", "2"]], durability: "relaxed" });
			sameKeys(await keysOf(host, { limit: 5 }), ["a", "b"], "keys");
			await applied(host, { deletes: ["a"], durability: "strict" });
			await applied(host, { deletes: ["b"], durability: "relaxed" });
			sameKeys(await keysOf(host, { limit: 5 }), [], "keys");
		},
	},
];
