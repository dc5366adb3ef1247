import { type Bytes, compareBytes, copyBytes } from "../../src/common/bytes.js";
import { StreamkitError } from "../../src/errors.js";
import type { HostKv } from "../../src/host.js";
import { altered, type Broken, committing } from "./broken.js";

const utf8 = new TextDecoder();

/** How often the rows of a host were written, as all of its instances know. */
const VERSIONS = new WeakMap<HostKv, Map<string, number>>();

/** A host whose checks hold for whatever is taken for the same value. */
const comparing = (same: (current: Uint8Array, value: Uint8Array) => boolean) => (inner: HostKv) =>
	altered(inner, {
		commit: async (batch) => {
			const found = await inner.get(batch.checks.map(({ key }) => key));
			const checks = batch.checks.map(({ key, value }, i) => {
				const current = found[i];
				const holds = current !== undefined && value !== undefined && same(current, value);
				return { key, value: holds ? copyBytes(current) : value };
			});
			return inner.commit({ ...batch, checks });
		},
	});

export const checks: readonly Broken[] = [
	{
		what: "checks are ignored",
		make: committing((batch) => ({ ...batch, checks: [] })),
		fails: [
			"host: a check fails for another value, and says which is there",
			"host: of commits at once with the same check one wins",
			"host: counting by checks loses nothing",
			"store: of two stores that expect the same sequence exactly one wins, round after round",
			"store: two stores that append at once lose nothing and double nothing",
		],
	},
	{
		what: "checks for absence are ignored",
		make: committing((batch) => ({ ...batch, checks: batch.checks.filter(({ value }) => value !== undefined) })),
		fails: ["host: a check for absence fails for what is there, be it empty"],
	},
	{
		what: "only the first check is made",
		make: committing((batch) => ({ ...batch, checks: batch.checks.slice(0, 1) })),
		fails: ["host: a failed check refuses everything and says which it was"],
	},
	{
		what: "an empty value passes a check for absence",
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					const found = await inner.get(batch.checks.map(({ key }) => key));
					const checks = batch.checks.filter(({ value }, i) => value !== undefined || found[i]?.length !== 0);
					return inner.commit({ ...batch, checks });
				},
			}),
		fails: ["host: a check for absence fails for what is there, be it empty"],
	},
	{
		what: "a check compares the beginning",
		make: comparing((a, b) => a.length >= b.length && compareBytes(a.subarray(0, b.length), b) === 0),
		fails: ["host: a check fails for another value, and says which is there"],
	},
	{
		what: "a check compares lengths",
		make: comparing((a, b) => a.length === b.length),
		fails: [
			"host: a check fails for another value, and says which is there",
			"host: a check compares all of a large value",
		],
	},
	{
		what: "checks are made after the writes",
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					const written = new Map(batch.puts.map(({ key, value }) => [key.join(), value]));
					for (const key of batch.deletes) written.delete(key.join());
					for (const [check, { key, value }] of batch.checks.entries()) {
						const current = written.get(key.join()) ?? (await inner.get([key]))[0];
						const same =
							current === undefined || value === undefined ? current === value : compareBytes(current, value) === 0;
						if (!same) return { applied: false, check, current };
					}
					return inner.commit({ ...batch, checks: [] });
				},
			}),
		fails: ["host: checks see the state before the commit's own writes"],
	},
	{
		what: "checks and writes are two steps",
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					const answer = await inner.commit({ ...batch, deletes: [], puts: [] });
					if (!answer.applied) return answer;
					await new Promise((resolve) => setTimeout(resolve, 0));
					return inner.commit({ ...batch, checks: [] });
				},
			}),
		fails: [
			"host: of commits at once with the same check one wins",
			"host: counting by checks loses nothing",
			"host: two instances check against each other",
		],
	},
	{
		what: "a failed check gives no current value",
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					const answer = await inner.commit(batch);
					return answer.applied ? answer : { ...answer, current: undefined };
				},
			}),
		fails: ["host: a check fails for another value, and says which is there"],
	},
	{
		what: "a failed check is always the first",
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					const answer = await inner.commit(batch);
					return answer.applied ? answer : { ...answer, check: 0 };
				},
			}),
		fails: ["host: a failed check refuses everything and says which it was"],
	},
	{
		what: "the last failed check is named",
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					const last = batch.checks.length - 1;
					const answer = await inner.commit({ ...batch, checks: [...batch.checks].reverse() });
					return answer.applied ? answer : { ...answer, check: last - answer.check };
				},
			}),
		fails: ["host: of several failed checks the first is named"],
	},
	{
		what: "a failed check is an error",
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					const answer = await inner.commit(batch);
					if (!answer.applied) throw new StreamkitError("CONFLICT", "lost");
					return answer;
				},
			}),
		fails: ["host: a check fails for another value, and says which is there"],
	},
	{
		what: "a refused batch applies its deletes",
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					const answer = await inner.commit(batch);
					if (!answer.applied) await inner.commit({ ...batch, checks: [], puts: [] });
					return answer;
				},
			}),
		fails: ["host: a failed check refuses everything and says which it was"],
	},
	{
		what: "a check compares text",
		make: comparing((a, b) => utf8.decode(a) === utf8.decode(b)),
		fails: ["host: a check compares bytes, and not what they may mean"],
	},
	{
		what: "a check does not heed zeros at the end",
		make: comparing((a, b) => utf8.decode(a).replace(/\0+$/, "") === utf8.decode(b).replace(/\0+$/, "")),
		fails: ["host: a check compares bytes, and not what they may mean"],
	},
	{
		what: "a check compares the first four thousand bytes",
		make: comparing((a, b) => a.length === b.length && compareBytes(a.subarray(0, 4000), b.subarray(0, 4000)) === 0),
		fails: ["host: a check compares all of a large value"],
	},
	{
		what: "only four checks are made",
		make: committing((batch) => ({ ...batch, checks: batch.checks.slice(0, 4) })),
		fails: ["host: of many checks all are made"],
	},
	{
		what: "checks of long keys are not made",
		make: committing((batch) => ({ ...batch, checks: batch.checks.filter(({ key }) => key.length <= 255) })),
		fails: ["host: a check may be of the longest keys"],
	},
	{
		what: "strict commits make no checks",
		make: committing((batch) => (batch.durability === "strict" ? { ...batch, checks: [] } : batch)),
		fails: ["host: checks are made alike whatever the durability, and of deletes alone"],
	},
	{
		what: "commits of deletes alone make no checks",
		make: committing((batch) =>
			batch.puts.length === 0 && batch.deletes.length > 0 ? { ...batch, checks: [] } : batch,
		),
		fails: ["host: checks are made alike whatever the durability, and of deletes alone"],
	},
	{
		what: "a check for an empty value never holds",
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					const check = batch.checks.findIndex(({ value }) => value?.length === 0);
					const empty = batch.checks[check];
					if (empty === undefined) return inner.commit(batch);
					return { applied: false, check, current: (await inner.get([empty.key]))[0] };
				},
			}),
		fails: ["host: a check holds for the value that is there"],
	},
	{
		what: "a check compares the first piece of a large value",
		make: comparing(
			(a, b) => a.length === b.length && compareBytes(a.subarray(0, 65_536), b.subarray(0, 65_536)) === 0,
		),
		fails: ["host: a check compares all of a large value"],
	},
	{
		what: "a failed check gives the first piece of a large value",
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					const answer = await inner.commit(batch);
					return answer.applied ? answer : { ...answer, current: answer.current?.slice(0, 65_536) };
				},
			}),
		fails: ["host: a check compares all of a large value"],
	},
	{
		what: "a check goes by a version that was seen",
		make: (inner) => {
			const seen = new Map<string, number>();
			const now = (key: Bytes): number => (VERSIONS.get(inner) ?? new Map()).get(`${key}`) ?? 0;
			return altered(inner, {
				get: (keys) => {
					for (const key of keys) seen.set(`${key}`, now(key));
					return inner.get(keys);
				},
				commit: async (batch) => {
					for (const [check, { key }] of batch.checks.entries()) {
						const version = seen.get(`${key}`);
						if (version !== undefined && version !== now(key)) {
							return { applied: false, check, current: (await inner.get([key]))[0] };
						}
					}
					const answer = await inner.commit(batch);
					const versions = VERSIONS.get(inner) ?? new Map<string, number>();
					VERSIONS.set(inner, versions);
					for (const { key } of answer.applied ? batch.puts : []) {
						versions.set(`${key}`, now(key) + 1);
						seen.set(`${key}`, now(key));
					}
					return answer;
				},
			});
		},
		fails: ["host: a check goes by what is there, and not by who wrote it or how often"],
	},
];
