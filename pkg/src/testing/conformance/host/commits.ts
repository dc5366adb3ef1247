import { type Bytes, toHex } from "../../../common/bytes.js";
import type { HostBatch, HostKv } from "../../../host.js";
import { assert, equal, same } from "../assert.js";
import { type Case, needsBatches, needsWholeStore } from "../case.js";
import { answered, applied, bytes, keysOf, put, read, rowsAre, sameKeys } from "../rows.js";

/** That one commit covers rows: all of it applies or nothing, and no read sees it between. */
async function covered(host: HostKv, keys: readonly Bytes[]): Promise<void> {
	const { checks: makesChecks, consistent } = host.limits;
	const values = (found: readonly (Uint8Array | undefined)[]): string[] =>
		found.map((value) => (value === undefined ? "nothing" : toHex(value)));
	let current: Bytes | undefined;
	const change = (next: Bytes, failing?: number): HostBatch => ({
		checks: makesChecks ? keys.map((key, i) => ({ key, value: i === failing ? bytes("no") : current })) : [],
		deletes: [],
		puts: keys.map((key) => ({ key, value: next })),
		durability: "relaxed",
	});
	for (const next of ["1", "2", "3"].map(bytes)) {
		for (const failing of makesChecks ? [0, keys.length - 1] : []) {
			const answer = await answered(host, change(bytes("x"), failing));
			assert(!answer.applied && answer.check === failing, `check ${failing} of a commit must fail`);
			const before = values(keys.map(() => current));
			equal(values(await host.get(keys)), before, `rows, after check ${failing} failed`);
		}
		const applying = answered(host, change(next));
		const [answer, found] = await Promise.all([applying, host.get(keys)]);
		assert(answer.applied, "the commit must be applied");
		if (consistent) equal(new Set(values(found)).size, 1, "different values of rows that are always written together");
		current = next;
		equal(values(await host.get(keys)), values(keys.map(() => current)), "rows, after the commit");
	}
	const deletes = { checks: [], deletes: keys, puts: [], durability: "relaxed" } as const;
	assert((await answered(host, deletes)).applied, "a commit of deletes must be applied");
	equal(values(await host.get(keys)), values(keys.map(() => undefined)), "rows, after they were deleted");
}

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
		name: "commits at once are all applied",
		async run({ host }) {
			const names = Array.from({ length: 8 }, (_, i) => `k${i}`);
			await Promise.all(
				names.map((name, i) => applied(host, { puts: [[name, name]], durability: i % 2 === 0 ? "relaxed" : "strict" })),
			);
			await rowsAre(
				host,
				names.map((name) => [name, name]),
				"rows",
			);
		},
	},
	{
		name: "a commit covers the rows of a space, of whatever kind",
		needs: [needsBatches],
		async run({ host }) {
			const words = ["DAT SEGMENTS s x", "DAT SPACES s x", "INV SEGMENTS s x", "INV SPACES s", "TRX s x", "GRP s x"];
			await covered(
				host,
				words.map((text) => bytes(text.replaceAll(" ", "\0"))),
			);
		},
	},
	{
		name: "a commit covers the rows of a redo record",
		needs: [needsBatches],
		async run({ host }) {
			const id = "0123456789abcdef";
			await covered(
				host,
				[1, 2, 3].map((n) => bytes(`TXN\0${id}\0\0\0\0\0\0\0\0${String.fromCharCode(n)}`)),
			);
		},
	},
	{
		name: "a commit covers the rows of several spaces",
		needs: [needsWholeStore],
		async run({ host }) {
			await covered(
				host,
				["INV SPACES a", "INV SPACES b", "INV SEGMENTS c x", "LSE d"].map((text) => bytes(text.replaceAll(" ", "\0"))),
			);
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
