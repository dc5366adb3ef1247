import { type Bytes, isUint8Array, toHex } from "../../../common/bytes.js";
import type { HostBatch } from "../../../host.js";
import { assert, same } from "../assert.js";
import { type Case, needsBorrowing, needsChecks } from "../case.js";
import { applied, batch, bytes, keysOf, put, read, refused, row, sameKeys, scan } from "../rows.js";

/** That what a host was given holds the same as a copy of it. */
function unchanged(given: unknown, copy: unknown, what: string): void {
	const text = (value: unknown): string =>
		JSON.stringify(value, (_, part: unknown) => (isUint8Array(part) ? toHex(part) : part));
	assert(text(given) === text(copy), `${what} must not be changed or taken away`);
}

export const ownershipCases: readonly Case[] = [
	{
		name: "what get gives belongs to the caller",
		async run({ host }) {
			await put(host, ["a", "1"]);
			(await read(host, "a"))?.fill(0);
			same(await read(host, "a"), bytes("1"), "a, after the answer was written to");
		},
	},
	{
		name: "what get gives for a key that is asked for twice is two arrays",
		async run({ host }) {
			await put(host, ["a", "1"]);
			const [first, second] = await host.get([row("a"), row("a")]);
			first?.fill(0);
			same(second, bytes("1"), "the second, after the first was written to");
		},
	},
	{
		name: "what scan gives belongs to the caller",
		async run({ host }) {
			await put(host, ["a", "1"], ["b", "2"]);
			const page = await scan(host, { limit: 2 });
			for (const array of [...page.keys, ...page.values]) array.fill(0);
			for (const key of await keysOf(host, { limit: 2, keysOnly: true })) key.fill(0);
			sameKeys(await keysOf(host, { limit: 5 }), ["a", "b"], "keys");
			sameKeys((await scan(host, { limit: 5, keysOnly: true })).keys, ["a", "b"], "keys alone");
			same(await read(host, "a"), bytes("1"), "a");
			same(await read(host, "b"), bytes("2"), "b");
		},
	},
	{
		name: "what a failed check gives belongs to the caller",
		needs: [needsChecks],
		async run({ host }) {
			await put(host, ["a", "1"]);
			(await refused(host, { checks: [["a", "2"]], puts: [["a", "x"]] })).current?.fill(0);
			same(await read(host, "a"), bytes("1"), "a, after the answer was written to");
			await applied(host, { checks: [["a", "1"]], puts: [["a", "3"]] });
		},
	},
	{
		name: "answers do not change when more is read",
		async run({ host }) {
			await put(host, ["a", "1"], ["b", "2"]);
			const first = await read(host, "a");
			const page = await scan(host, { limit: 1 });
			await read(host, "b");
			await scan(host, { limit: 1, reverse: true });
			await put(host, ["a", "3"]);
			await read(host, "a");
			same(first, bytes("1"), "what get gave");
			same(page.keys[0], row("a"), "the key that scan gave");
			same(page.values[0], bytes("1"), "the value that scan gave");
		},
	},
	{
		name: "what failed checks give does not change with the next one",
		needs: [needsChecks],
		async run({ host }) {
			await put(host, ["a", "1"], ["b", "2"]);
			const first = await refused(host, { checks: [["a", "x"]], puts: [["a", "x"]] });
			const second = await refused(host, { checks: [["b", "x"]], puts: [["b", "x"]] });
			same(first.current, bytes("1"), "the first");
			same(second.current, bytes("2"), "the second");
		},
	},
	{
		// Payloads that readers get are views of such values.
		name: "large values belong to the caller, and do not change",
		async run({ host }) {
			const most = Math.min(70_000, host.limits.maxValueBytes, host.limits.maxBatchBytes - 400);
			const [first, second] = [1, 2].map((n) => new Uint8Array(most).fill(n));
			await put(host, ["a", first as Bytes]);
			const [given] = (await scan(host, { limit: 1 })).values;
			const got = await read(host, "a");
			await put(host, ["a", second as Bytes]);
			const [later] = (await scan(host, { limit: 1 })).values;
			const gotLater = await read(host, "a");
			same(given, first as Bytes, "what scan gave before a was written anew");
			same(got, first as Bytes, "what get gave before a was written anew");
			later?.fill(0);
			gotLater?.fill(0);
			same((await scan(host, { limit: 1 })).values[0], second as Bytes, "a, after the answer was written to");
			same(await read(host, "a"), second as Bytes, "a, after the answer was written to");
		},
	},
	{
		name: "a host that borrows is done with values when commit returns",
		needs: [needsBorrowing],
		async run({ host }) {
			for (const durability of ["relaxed", "strict"] as const) {
				for (const size of [100, 5000, 400_000]) {
					const value = new Uint8Array(Math.min(size, host.limits.maxValueBytes)).fill(1);
					const lent = value.slice();
					const answer = host.commit(batch({ puts: [["a", lent]], durability }));
					lent.fill(2);
					assert((await answer).applied, "nothing is checked, so the batch must be applied");
					same(await read(host, "a"), value, `a ${durability} value of ${value.length} bytes`);
					await applied(host, { puts: [["b", ""]], durability: "strict" });
					same(await read(host, "a"), value, `a ${durability} value of ${value.length} bytes, after another commit`);
				}
				// One of them may have to wait for the other.
				const values = [3, 4].map((byte) => new Uint8Array(5000).fill(byte));
				const lent = values.map((value) => value.slice());
				const answers = lent.map((value, i) => host.commit(batch({ puts: [[`at once ${i}`, value]], durability })));
				for (const value of lent) value.fill(2);
				await Promise.all(answers);
				for (const [i, value] of values.entries()) {
					same(await read(host, `at once ${i}`), value, `a ${durability} value of two commits at once`);
				}
			}
		},
	},
	{
		name: "what a host is given is left as it was",
		async run({ host }) {
			const most = Math.min(70_000, host.limits.maxValueBytes, host.limits.maxBatchBytes - 400);
			for (const durability of ["relaxed", "strict"] as const) {
				const made = (): HostBatch =>
					batch({ puts: [["b", new Uint8Array(most).fill(1)]], deletes: ["c", "a"], durability });
				const change = host.limits.atomic === "none" ? { ...made(), deletes: [] } : made();
				const before = structuredClone(change);
				await host.commit(change);
				unchanged(change.puts, before.puts, "the puts of a commit");
				unchanged(change.deletes, before.deletes, "the deletes of a commit");
			}
			if (host.limits.checks) {
				const change = batch({
					checks: [
						["c", undefined],
						["b", "1"],
					],
				});
				const before = structuredClone(change);
				await host.commit(change);
				unchanged(change.checks, before.checks, "the checks of a commit");
			}
			const keys = ["b", "a"].map(row);
			await host.get(keys);
			unchanged(keys, ["b", "a"].map(row), "the keys of a get");
			for (const reverse of [false, true]) {
				const range = { start: row("a"), end: row("c"), limit: 1, reverse };
				const before = structuredClone(range);
				await host.scan(range);
				unchanged(range, before, "the range of a scan");
			}
		},
	},
];
