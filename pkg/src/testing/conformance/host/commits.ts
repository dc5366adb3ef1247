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
		name: "a commit may delete many rows",
		needs: [needsBatches],
		async run({ host }) {
			const names = Array.from({ length: Math.min(40, host.limits.maxBatchOps) }, (_, i) => `k${i + 10}`);
			await put(host, ...names.map((name) => [name, name] as const));
			await applied(host, { deletes: names.slice(1) });
			sameKeys(await keysOf(host, { limit: 50 }), ["k10"], "keys");
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
	{
		name: "commits of either durability follow each other",
		async run({ host }) {
			const [strict, relaxed] = ["strict", "relaxed"] as const;
			for (const [first, then] of [
				[strict, relaxed],
				[relaxed, strict],
			] as const) {
				for (const name of ["a", "b"]) await applied(host, { puts: [[name, "1"]], durability: first });
				await applied(host, { puts: [["a", "2"]], durability: then });
				await applied(host, { deletes: ["b"], durability: then });
				await applied(host, { puts: [["c", "1"]], durability: first });
				same(await read(host, "a"), bytes("2"), `a, ${then} after ${first}`);
				sameKeys(await keysOf(host, { limit: 5 }), ["a", "c"], `${then} after ${first}: keys`);
				for (const name of ["a", "c"]) await applied(host, { deletes: [name], durability: then });
				await applied(host, { puts: [["d", first]], durability: first });
				sameKeys(await keysOf(host, { limit: 5 }), ["d"], `${then} after ${first}: keys left`);
				await applied(host, { deletes: ["d"], durability: then });
			}
		},
	},
	{
		name: "deletes and puts apply together with either durability",
		needs: [needsBatches],
		async run({ host }) {
			for (const durability of ["strict", "relaxed", "strict"] as const) {
				await put(host, ["a", "1"], ["b", "1"]);
				await applied(host, { deletes: ["a"], puts: [["b", durability]], durability });
				sameKeys(await keysOf(host, { limit: 5 }), ["b"], "keys");
				same(await read(host, "b"), bytes(durability), "b");
			}
		},
	},
];
