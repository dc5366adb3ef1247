import { type Bytes, copyBytes } from "../../src/common/bytes.js";
import { StreamkitError } from "../../src/errors.js";
import type { HostBatch, HostCommit, HostKv } from "../../src/host.js";
import { memoryHost } from "../../src/hosts/memory.js";
import { altered, type Broken, committing, oneAtATime, turn } from "./broken.js";

const EVERYTHING = { start: new Uint8Array(0), end: new Uint8Array([0xff]), limit: 1_000_000 };

/** A host that makes a commit in parts, one after the other. */
const inParts = (part: (words: readonly string[]) => string) => (inner: HostKv) => {
	const partOf = (key: Uint8Array): string => part(new TextDecoder().decode(key).split("\0"));
	return altered(inner, {
		commit: async ({ checks, deletes, puts, durability }) => {
			const keys = [...checks.map(({ key }) => key), ...deletes, ...puts.map(({ key }) => key)];
			for (const one of new Set(keys.map(partOf))) {
				const own = checks.filter(({ key }) => partOf(key) === one);
				const answer = await inner.commit({
					checks: own,
					deletes: deletes.filter((key) => partOf(key) === one),
					puts: puts.filter(({ key }) => partOf(key) === one),
					durability,
				});
				const failed = answer.applied ? undefined : own[answer.check];
				if (!answer.applied && failed !== undefined) return { ...answer, check: checks.indexOf(failed) };
			}
			return { applied: true };
		},
	});
};

export const commits: readonly Broken[] = [
	{
		what: "a put adds a row beside the old one",
		make: (inner) => {
			let rows = 0;
			return altered(inner, {
				commit: (batch) =>
					inner.commit({
						...batch,
						puts: batch.puts.map(({ key, value }) => ({ key: new Uint8Array([...key, 0xff, ++rows]), value })),
					}),
			});
		},
		fails: ["host: a put replaces"],
	},
	{
		what: "deletes are forgotten when there are puts",
		make: committing((batch) => (batch.puts.length > 0 ? { ...batch, deletes: [] } : batch)),
		fails: ["host: a commit applies its deletes and its puts"],
	},
	{
		what: "a delete takes everything that begins with its key",
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					const deletes: Bytes[] = [];
					for (const key of batch.deletes) {
						const end = new Uint8Array([...key, 0xff]);
						const page = await inner.scan({ start: key, end, limit: 1000, keysOnly: true });
						deletes.push(...page.keys.map(copyBytes));
					}
					return inner.commit({ ...batch, deletes });
				},
			}),
		fails: ["host: a delete removes, and of nothing is no error"],
	},
	{
		what: "a delete of nothing is an error",
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					const found = await inner.get(batch.deletes);
					if (found.includes(undefined)) throw new StreamkitError("NOT_FOUND", "no such row");
					return inner.commit(batch);
				},
			}),
		fails: ["host: a delete removes, and of nothing is no error"],
	},
	{
		what: "a deleted row stays as an empty one",
		make: committing((batch) => ({
			...batch,
			deletes: [],
			puts: [...batch.puts, ...batch.deletes.map((key) => ({ key, value: new Uint8Array(0) }))],
		})),
		fails: ["host: a delete removes, and of nothing is no error"],
	},
	{
		what: "strict commits are not made",
		make: (inner) =>
			altered(inner, { commit: (batch) => (batch.durability === "strict" ? { applied: true } : inner.commit(batch)) }),
		fails: ["host: either durability is taken"],
	},
	{
		what: "an empty commit is an error",
		make: (inner) =>
			altered(inner, {
				commit: (batch) => {
					if (batch.puts.length + batch.deletes.length + batch.checks.length === 0) throw new Error("nothing to do");
					return inner.commit(batch);
				},
			}),
		fails: ["host: an empty commit applies"],
	},
	{
		what: "relaxed rows stand before strict ones that came later",
		make: (inner) => {
			const relaxed = new Map<string, Uint8Array>();
			return altered(inner, {
				get: async (keys) => (await inner.get(keys)).map((value, i) => relaxed.get(`${keys[i]}`)?.slice() ?? value),
				commit: async (batch) => {
					const answer = await inner.commit(batch);
					if (!answer.applied || batch.durability === "strict") return answer;
					for (const key of batch.deletes) relaxed.delete(`${key}`);
					for (const { key, value } of batch.puts) relaxed.set(`${key}`, copyBytes(value));
					return answer;
				},
			});
		},
		fails: ["host: commits of either durability follow each other"],
	},
	{
		what: "a strict commit undoes the relaxed deletes before it",
		make: (inner) => {
			const removed = new Map<string, { key: Bytes; value: Bytes }>();
			return altered(inner, {
				commit: async (batch) => {
					const { deletes, puts, durability } = batch;
					const before = await inner.get(deletes);
					const answer = await inner.commit(batch);
					if (durability === "strict") {
						await inner.commit({ checks: [], deletes: [], puts: [...removed.values()], durability });
						removed.clear();
					}
					for (const [i, key] of deletes.entries()) {
						const value = before[i];
						if (value !== undefined && durability === "relaxed")
							removed.set(`${key}`, { key, value: copyBytes(value) });
					}
					for (const { key } of puts) removed.delete(`${key}`);
					return answer;
				},
			});
		},
		fails: ["host: commits of either durability follow each other"],
	},
	{
		what: "strict commits forget deletes when there are puts",
		make: committing((batch) =>
			batch.durability === "strict" && batch.puts.length > 0 ? { ...batch, deletes: [] } : batch,
		),
		fails: ["host: deletes and puts apply together with either durability"],
	},
	{
		what: "a commit deletes ten rows at most",
		make: committing((batch) => ({ ...batch, deletes: batch.deletes.slice(0, 10) })),
		fails: ["host: a commit may delete many rows"],
	},
	{
		what: "commits without checks do not wait for each other",
		make: (inner) => {
			const alone = oneAtATime();
			// As who reads all that is stored, changes it, and stores it again.
			const rewrite = async (batch: HostBatch): Promise<HostCommit> => {
				const before = (await inner.scan(EVERYTHING)).keys.map(String);
				await turn();
				const answer = await inner.commit(batch);
				const known = new Set([...before, ...batch.puts.map(({ key }) => `${key}`)]);
				const { keys } = await inner.scan(EVERYTHING);
				const deletes = keys.filter((key) => !known.has(`${key}`)).map(copyBytes);
				await inner.commit({ checks: [], deletes, puts: [], durability: "strict" });
				return answer;
			};
			return altered(inner, {
				commit: (batch) => (batch.checks.length === 0 ? rewrite(batch) : alone(() => rewrite(batch))),
			});
		},
		fails: ["host: commits at once are all applied"],
	},
	{
		what: "rows of a space are committed kind by kind",
		inner: () => memoryHost({ limits: { atomic: "space" } }),
		make: inParts(([kind = ""]) => kind),
		fails: ["host: a commit covers the rows of a space, of whatever kind"],
	},
	{
		what: "rows of a redo record are committed one by one",
		inner: () => memoryHost({ limits: { atomic: "space" } }),
		make: inParts((words) => (words[0] === "TXN" ? words.join() : "")),
		fails: ["host: a commit covers the rows of a redo record"],
	},
	{
		what: "spaces are committed one after the other, and all of the store is promised",
		make: inParts(([, , space = ""]) => space),
		fails: ["host: a commit covers the rows of several spaces"],
	},
	{
		what: "a commit answers nothing",
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					await inner.commit(batch);
					return undefined as never;
				},
			}),
		fails: ["host: a put replaces", "host: an empty commit applies"],
	},
];
