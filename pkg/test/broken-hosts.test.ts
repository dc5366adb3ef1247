import assert from "node:assert/strict";
import { test } from "node:test";
import { compareBytes, copyBytes } from "../src/bytes.js";
import "../src/entry/node.js";
import { isStreamkitError, StreamkitError } from "../src/errors.js";
import type { HostBatch, HostKv, ScanPage, ScanRange } from "../src/host.js";
import { memoryHost } from "../src/hosts/memory.js";
import { type ConformanceFactory, hostConformance } from "../src/testing.js";

type Bytes = Uint8Array<ArrayBuffer>;
type Part = Partial<Pick<HostKv, "limits" | "get" | "scan" | "commit" | "watch" | "notify" | "close">>;

/** A host that differs from another in a few calls. */
function altered(inner: HostKv, part: Part): HostKv {
	return {
		name: `broken ${inner.name}`,
		limits: inner.limits,
		get: (keys) => inner.get(keys),
		scan: (range) => inner.scan(range),
		commit: (batch) => inner.commit(batch),
		watch: (changed) => inner.watch?.(changed) ?? (() => {}),
		notify: () => inner.notify?.(),
		...part,
	};
}

/** What a host answers, changed. */
const scanning =
	(change: (page: ScanPage, range: ScanRange, inner: HostKv) => ScanPage | Promise<ScanPage>) => (inner: HostKv) =>
		altered(inner, { scan: async (range) => change(await inner.scan(range), range, inner) });

/** What a host is told to commit, changed. */
const committing = (change: (batch: HostBatch) => HostBatch) => (inner: HostKv) =>
	altered(inner, { commit: (batch) => inner.commit(change(batch)) });

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

/** Makes the rows of one host those of another. */
async function copyRows(from: HostKv, to: HostKv, range: ScanRange): Promise<void> {
	const [{ keys, values }, before] = [await from.scan(range), await to.scan(range)];
	await to.commit({ checks: [], deletes: before.keys.map(copyBytes), puts: [], durability: "strict" });
	const puts = keys.map((key, i) => ({ key: copyBytes(key), value: copyBytes(values[i] as Uint8Array) }));
	await to.commit({ checks: [], deletes: [], puts, durability: "strict" });
}

const utf8 = new TextDecoder();
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
const keysBackwards = ({ keysOnly, reverse }: ScanRange): boolean => keysOnly === true && reverse === true;
const after = (key: Uint8Array): Bytes => new Uint8Array([...key, 0]);

interface Broken {
	readonly what: string;
	readonly make: (inner: HostKv) => HostKv;
	/** Cases that must fail. */
	readonly fails: readonly string[];
	/** The host underneath, where it is not the usual one. */
	readonly inner?: () => HostKv;
	/** A second instance that is not made like the first. */
	readonly second?: (inner: HostKv) => HostKv;
}

const small = (): HostKv =>
	memoryHost({
		limits: { maxKeyBytes: 400, maxValueBytes: 5000, blockBytes: 4096, maxBatchOps: 16, maxBatchBytes: 16_384 },
	});

/** A host that says it has the limits and heeds none of them. */
const unlimited = (inner: HostKv): HostKv => altered(memoryHost(), { limits: inner.limits });

/** One call's check only: everything else is within the limits. */
const heedingAllBut =
	(limit: "maxKeyBytes" | "maxValueBytes" | "maxBatchOps" | "maxBatchBytes", by = Number.POSITIVE_INFINITY) =>
	(inner: HostKv): HostKv => {
		const loose = Math.min(inner.limits[limit] + by, 1 << 30);
		return altered(memoryHost({ limits: { ...inner.limits, [limit]: loose } }), { limits: inner.limits });
	};

const BROKEN: readonly Broken[] = [
	{
		what: "get answers in key order",
		make: (inner) =>
			altered(inner, {
				get: (keys) => inner.get([...keys].sort(compareBytes)),
			}),
		fails: ["host: get answers in the order asked, undefined for what is not there"],
	},
	{
		what: "get leaves out what is not there",
		make: (inner) =>
			altered(inner, { get: async (keys) => (await inner.get(keys)).filter((value) => value !== undefined) }),
		fails: [
			"host: get answers in the order asked, undefined for what is not there",
			"host: an empty host holds nothing",
		],
	},
	{
		what: "an empty value is taken for none",
		make: (inner) =>
			altered(inner, {
				get: async (keys) => (await inner.get(keys)).map((value) => (value?.length === 0 ? undefined : value)),
			}),
		fails: ["host: get answers in the order asked, undefined for what is not there"],
	},
	{
		what: "values are plain arrays",
		make: (inner) =>
			altered(inner, {
				get: async (keys) => (await inner.get(keys)).map((value) => value && ([...value] as never)),
			}),
		fails: ["host: get answers in the order asked, undefined for what is not there"],
	},
	{
		what: "get answers the first hundred keys",
		make: (inner) =>
			altered(inner, {
				get: async (keys) => {
					const some = await inner.get(keys.slice(0, 100));
					return keys.map((_, i) => some[i]);
				},
			}),
		fails: ["host: get of many keys answers all of them"],
	},
	{
		what: "get takes each key at another moment",
		make: (inner) =>
			altered(inner, {
				get: async (keys) => {
					const values: (Uint8Array | undefined)[] = [];
					for (const key of keys) {
						values.push((await inner.get([key]))[0]);
						await new Promise((resolve) => setTimeout(resolve, 0));
					}
					return values;
				},
				commit: async (batch) => {
					await new Promise((resolve) => setTimeout(resolve, 0));
					return inner.commit(batch);
				},
			}),
		fails: ["host: one get is one snapshot"],
	},
	{
		what: "keys order as signed bytes",
		make: scanning((page) => {
			const signed = (a: Uint8Array, b: Uint8Array): number =>
				compareBytes(
					a.map((byte) => byte ^ 0x80),
					b.map((byte) => byte ^ 0x80),
				);
			const order = page.keys.map((_, i) => i).sort((x, y) => signed(page.keys[x] as Bytes, page.keys[y] as Bytes));
			return {
				...page,
				keys: order.map((i) => page.keys[i] as Bytes),
				values: page.values.length === 0 ? [] : order.map((i) => page.values[i] as Bytes),
			};
		}),
		fails: ["host: scan gives unsigned byte order"],
	},
	{
		what: "the end of a range is in it",
		make: (inner) => altered(inner, { scan: (range) => inner.scan({ ...range, end: after(range.end) }) }),
		fails: ["host: a range is half-open at every edge", "host: a range in reverse is the same range"],
	},
	{
		what: "the start of a range is not in it",
		make: (inner) => altered(inner, { scan: (range) => inner.scan({ ...range, start: after(range.start) }) }),
		fails: ["host: a range is half-open at every edge", "host: a range in reverse is the same range"],
	},
	{
		what: "in reverse the range is open at its start",
		make: (inner) =>
			altered(inner, {
				scan: (range) => inner.scan(range.reverse === true ? { ...range, start: after(range.start) } : range),
			}),
		fails: ["host: a range in reverse is the same range"],
	},
	{
		what: "in reverse the range includes its end",
		make: (inner) =>
			altered(inner, {
				scan: (range) => inner.scan(range.reverse === true ? { ...range, end: after(range.end) } : range),
			}),
		fails: ["host: a range in reverse is the same range"],
	},
	{
		what: "reverse turns the first page round",
		make: (inner) =>
			altered(inner, {
				scan: async (range) => {
					const page = await inner.scan({ ...range, reverse: false });
					if (range.reverse !== true) return page;
					return { ...page, keys: [...page.keys].reverse(), values: [...page.values].reverse() };
				},
			}),
		fails: [
			"host: scan stops at the limit, and more is exact",
			"host: a range in reverse is the same range",
			"host: pages join without a gap or a double, in both directions",
		],
	},
	{
		what: "reverse is not known",
		make: (inner) => altered(inner, { scan: (range) => inner.scan({ ...range, reverse: false }) }),
		fails: ["host: scan in reverse gives the same, backwards"],
	},
	{
		what: "a range is a prefix",
		make: scanning(async (page, range, inner) => {
			if (range.reverse === true || page.keys.length === 0) return page;
			const prefix = range.end.slice(0, -1);
			return inner.scan({ ...range, start: prefix, end: new Uint8Array([...prefix, 0xff]) });
		}),
		fails: ["host: a range under a name does not reach its neighbours"],
	},
	{
		what: "more is always false",
		make: scanning((page) => ({ ...page, more: false })),
		fails: [
			"host: scan stops at the limit, and more is exact",
			"host: pages join without a gap or a double, in both directions",
		],
	},
	{
		what: "more is true whenever the page is full",
		make: scanning((page, range) => ({ ...page, more: page.keys.length === range.limit })),
		fails: ["host: scan stops at the limit, and more is exact", "host: rows beyond the range are not more"],
	},
	{
		what: "more counts rows beyond the range",
		make: scanning(async (page, range, inner) => {
			const wide = { ...range, start: new Uint8Array([0]), end: new Uint8Array([0xff]) };
			return { ...page, more: page.more || (await inner.scan(wide)).more };
		}),
		fails: ["host: rows beyond the range are not more"],
	},
	{
		what: "one pair too many",
		make: (inner) => altered(inner, { scan: (range) => inner.scan({ ...range, limit: range.limit + 1 }) }),
		fails: ["host: scan stops at the limit, and more is exact"],
	},
	{
		what: "maxBytes is not known",
		make: (inner) =>
			altered(inner, {
				scan: ({ maxBytes: _, ...range }) => inner.scan(range),
			}),
		fails: ["host: scan stops at maxBytes of values, after at least one pair"],
	},
	{
		what: "maxBytes may be passed by one pair",
		make: (inner) =>
			altered(inner, {
				scan: async (range) => {
					const page = await inner.scan(range);
					if (range.maxBytes === undefined || !page.more || page.keys.length === range.limit) return page;
					const { maxBytes: _, ...rest } = range;
					return inner.scan({ ...rest, limit: page.keys.length + 1 });
				},
			}),
		fails: ["host: scan stops at maxBytes of values, after at least one pair"],
	},
	{
		what: "a pair that is larger than maxBytes is never given",
		make: scanning((page, range) => {
			const first = page.values[0]?.length ?? 0;
			return first > (range.maxBytes ?? first) ? { keys: [], values: [], more: true } : page;
		}),
		fails: ["host: scan stops at maxBytes of values, after at least one pair"],
	},
	{
		what: "maxBytes counts keys as well",
		make: (inner) =>
			altered(inner, {
				scan: (range) =>
					inner.scan(range.maxBytes === undefined ? range : { ...range, maxBytes: Math.max(1, range.maxBytes - 30) }),
			}),
		fails: ["host: maxBytes counts values only, and stops before the pair that is too much"],
	},
	{
		what: "keysOnly gives values all the same",
		make: (inner) => altered(inner, { scan: ({ keysOnly: _, ...range }) => inner.scan(range) }),
		fails: ["host: scan of keys only gives no values"],
	},
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
		what: "a batch is applied row by row",
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					const { checks, deletes, puts, durability } = batch;
					const answer = await inner.commit({ checks, deletes, puts: [], durability });
					if (!answer.applied) return answer;
					for (const put of puts) {
						await new Promise((resolve) => setTimeout(resolve, 0));
						await inner.commit({ checks: [], deletes: [], puts: [put], durability });
					}
					return answer;
				},
			}),
		fails: ["host: one get is one snapshot", "host: a commit whose last operation is beyond a limit leaves nothing"],
	},
	{
		what: "limits are not enforced",
		inner: small,
		make: unlimited,
		fails: [
			"host: a key of one byte more is refused",
			"host: a value of one byte more is refused",
			"host: a commit of one operation more is refused",
			"host: a commit of one byte more is refused",
			"host: a commit whose last operation is beyond a limit leaves nothing",
		],
	},
	{
		what: "keys may be one byte longer",
		inner: small,
		make: heedingAllBut("maxKeyBytes", 1),
		fails: ["host: a key of one byte more is refused"],
	},
	{
		what: "keys may be one byte shorter only",
		inner: small,
		make: heedingAllBut("maxKeyBytes", -1),
		fails: ["host: a key of maxKeyBytes is kept"],
	},
	{
		what: "values may be one byte longer",
		inner: small,
		make: heedingAllBut("maxValueBytes", 1),
		fails: ["host: a value of one byte more is refused"],
	},
	{
		what: "values may be one byte shorter only",
		inner: small,
		make: heedingAllBut("maxValueBytes", -1),
		fails: ["host: a value of maxValueBytes is kept"],
	},
	{
		what: "one operation more is taken",
		inner: small,
		make: heedingAllBut("maxBatchOps", 1),
		fails: ["host: a commit of one operation more is refused"],
	},
	{
		what: "one operation less is taken",
		inner: small,
		make: heedingAllBut("maxBatchOps", -1),
		fails: ["host: a commit of maxBatchOps operations is applied"],
	},
	{
		what: "one byte more is taken",
		inner: small,
		make: heedingAllBut("maxBatchBytes", 1),
		fails: ["host: a commit of one byte more is refused"],
	},
	{
		what: "one byte less is taken",
		inner: small,
		make: heedingAllBut("maxBatchBytes", -1),
		fails: ["host: a commit of maxBatchBytes is applied"],
	},
	{
		what: "deletes do not count as operations",
		inner: small,
		make: (inner) =>
			altered(memoryHost(), {
				limits: inner.limits,
				commit: (batch) =>
					batch.puts.length > inner.limits.maxBatchOps
						? inner.commit(batch)
						: heedingAllBut("maxBatchOps")(inner).commit(batch),
			}),
		fails: ["host: a commit of one operation more is refused"],
	},
	{
		what: "what is too large is refused as something else",
		inner: small,
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					try {
						return await inner.commit(batch);
					} catch (error) {
						if (isStreamkitError(error, "LIMIT_EXCEEDED")) throw new Error("too large");
						throw error;
					}
				},
			}),
		fails: ["host: a key of one byte more is refused"],
	},
	{
		what: "long values are cut",
		inner: small,
		make: committing((batch) => ({
			...batch,
			puts: batch.puts.map(({ key, value }) => ({ key, value: value.slice(0, 4096) })),
		})),
		fails: ["host: a value of maxValueBytes is kept", "store: records from nothing to several blocks come back whole"],
	},
	{
		what: "limits are nonsense",
		make: (inner) => altered(inner, { limits: { ...inner.limits, maxValueBytes: 0, blockBytes: 1.5 } }),
		fails: ["host: limits are sane"],
	},
	{
		what: "get gives out the very arrays that are kept",
		make: (inner) => {
			const cached = new Map<string, Uint8Array | undefined>();
			return altered(inner, {
				get: async (keys) => {
					const values = await inner.get(keys);
					return keys.map((key, i) => {
						const text = key.join();
						if (cached.get(text) === undefined) cached.set(text, values[i]);
						return cached.get(text);
					});
				},
			});
		},
		fails: ["host: what get gives belongs to the caller"],
	},
	{
		what: "scan gives out the very arrays that are kept",
		make: (inner) => {
			const pages = new Map<string, ScanPage>();
			return altered(inner, {
				scan: async (range) => {
					const text = `${range.start.join()} ${range.end.join()} ${range.keysOnly}`;
					const page = pages.get(text) ?? (await inner.scan(range));
					pages.set(text, page);
					return page;
				},
			});
		},
		fails: ["host: what scan gives belongs to the caller"],
	},
	{
		what: "all answers share one buffer",
		make: (inner) => {
			const shared = new Uint8Array(1 << 16);
			return altered(inner, {
				get: async (keys) => {
					let at = 0;
					return (await inner.get(keys)).map((value) => {
						if (value === undefined) return undefined;
						shared.set(value, at);
						at += value.length;
						return shared.subarray(at - value.length, at);
					});
				},
			});
		},
		fails: ["host: answers do not change when more is read"],
	},
	{
		what: "large values share one buffer",
		make: (inner) => {
			const shared = new Uint8Array(1 << 20);
			return altered(inner, {
				scan: async (range) => {
					const page = await inner.scan(range);
					let at = 0;
					const values = page.values.map((value) => {
						if (value.length < 16_384) return value;
						shared.set(value, at);
						at += value.length;
						return shared.subarray(at - value.length, at);
					});
					return { ...page, values };
				},
			});
		},
		fails: ["host: large values belong to the caller, and do not change"],
	},
	{
		what: "given arrays are written to",
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					const answer = await inner.commit({
						...batch,
						puts: batch.puts.map(({ key, value }) => ({ key: copyBytes(key), value: copyBytes(value) })),
					});
					for (const { value } of batch.puts) value.fill(0);
					return answer;
				},
			}),
		fails: ["host: what a host is given is left as it was"],
	},
	{
		what: "given arrays are taken away",
		make: (inner) =>
			altered(inner, {
				get: async (keys) => inner.get(keys.map((key) => structuredClone(key, { transfer: [key.buffer] }))),
			}),
		fails: ["host: what a host is given is left as it was"],
	},
	{
		what: "a second instance has data of its own",
		make: (inner) => inner,
		second: () => memoryHost(),
		fails: ["host: a second instance sees what the first wrote", "host: two instances check against each other"],
	},
	{
		what: "a second instance reads what was there when it was opened",
		make: (inner) => inner,
		second: (inner) => {
			const seen = new Map<string, Uint8Array | undefined>();
			return altered(inner, {
				get: async (keys) => {
					const values = await inner.get(keys);
					return keys.map((key, i) => {
						const text = key.join();
						if (!seen.has(text)) seen.set(text, values[i]);
						return seen.get(text)?.slice();
					});
				},
			});
		},
		fails: ["host: a second instance sees what the first wrote"],
	},
	{
		what: "a second instance makes no checks",
		make: (inner) => inner,
		second: committing((batch) => ({ ...batch, checks: [] })),
		fails: [
			"host: two instances check against each other",
			"store: of two stores that expect the same sequence exactly one wins, round after round",
		],
	},
	{
		what: "nothing is there after reopening",
		make: () => memoryHost(),
		fails: ["host: what was written is there after reopening", "store: a store is there after its host was reopened"],
	},
	{
		what: "a closed host goes on",
		make: (inner) => altered(inner, { close() {} }),
		fails: ["host: a closed host refuses, and closing twice is no error"],
	},
	{
		what: "closing twice is an error",
		make: (inner) => {
			let open = true;
			return altered(inner, {
				get(keys) {
					if (!open) throw new StreamkitError("CLOSED", "closed");
					return inner.get(keys);
				},
				close() {
					if (!open) throw new Error("closed already");
					open = false;
				},
			});
		},
		fails: ["host: a closed host refuses, and closing twice is no error"],
	},
	{
		what: "watching cannot be stopped",
		make: (inner) =>
			altered(inner, {
				watch: (changed) => {
					inner.watch?.(changed);
					return () => {};
				},
			}),
		fails: ["host: a hint arrives at another instance, until it stops watching"],
	},
	{
		what: "in reverse a range of keys only includes its end",
		make: (inner) =>
			altered(inner, {
				scan: (range) => inner.scan(keysBackwards(range) ? { ...range, end: after(range.end) } : range),
			}),
		fails: ["host: a range of keys only is the same range"],
	},
	{
		what: "in reverse a range of keys only is open at its start",
		make: (inner) =>
			altered(inner, {
				scan: (range) => inner.scan(keysBackwards(range) ? { ...range, start: after(range.start) } : range),
			}),
		fails: ["host: a range of keys only is the same range"],
	},
	{
		what: "keys only are bounded by maxBytes of values",
		make: (inner) =>
			altered(inner, {
				scan: async (range) => {
					const page = await inner.scan({ ...range, keysOnly: false });
					return range.keysOnly === true ? { ...page, values: [] } : page;
				},
			}),
		fails: ["host: maxBytes means nothing to a scan of keys only"],
	},
	{
		what: "a range that ends before it begins is an error",
		make: (inner) =>
			altered(inner, {
				scan: (range) => {
					if (compareBytes(range.start, range.end) > 0) throw new StreamkitError("UNAVAILABLE", "bounds");
					return inner.scan(range);
				},
			}),
		fails: ["host: a range that ends before it begins is empty"],
	},
	{
		what: "the edges of a range are cut to the longest key",
		inner: small,
		make: (inner) => {
			const cut = (bound: Bytes): Bytes => bound.slice(0, inner.limits.maxKeyBytes);
			return altered(inner, {
				scan: (range) => inner.scan({ ...range, start: cut(range.start), end: cut(range.end) }),
			});
		},
		fails: ["host: the edges of a range may be longer than any key"],
	},
	{
		what: "a scan reads keys, then values",
		make: (inner) =>
			altered(inner, {
				scan: async (range) => {
					const page = await inner.scan(range);
					if (range.keysOnly === true) return page;
					await turn();
					const values = (await inner.get(page.keys.map(copyBytes))).filter((value) => value !== undefined);
					return { ...page, keys: page.keys.slice(0, values.length), values };
				},
				commit: (batch) => turn().then(() => inner.commit(batch)),
			}),
		fails: ["host: keys and values of a scan belong together, whatever is written meanwhile"],
	},
	{
		what: "a page ends after a thousand rows",
		make: (inner) =>
			altered(inner, {
				scan: async (range) => {
					const page = await inner.scan({ ...range, limit: Math.min(range.limit, 1000) });
					return { ...page, more: page.more && range.limit <= 1000 };
				},
			}),
		fails: ["host: a page may hold many rows"],
	},
	{
		what: "in reverse only the first thousand rows are seen",
		make: (inner) =>
			altered(inner, {
				scan: async (range) => {
					if (range.reverse !== true) return inner.scan(range);
					const { keys } = await inner.scan({ ...range, reverse: false, limit: 1000 });
					const last = keys[999];
					return inner.scan(last === undefined ? range : { ...range, end: after(last) });
				},
			}),
		fails: ["host: a page may hold many rows"],
	},
	{
		what: "each inner page of 256 rows loses one",
		make: scanning(({ keys, values, more }) => {
			const kept = (_: Uint8Array, i: number): boolean => i % 257 !== 256;
			return { keys: keys.filter(kept), values: values.filter(kept), more };
		}),
		fails: ["host: a page may hold many rows"],
	},
	{
		what: "keys are kept without their case",
		make: (inner) => {
			const lower = (key: Bytes): Bytes => key.map((byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte));
			return altered(inner, {
				get: (keys) => inner.get(keys.map(lower)),
				scan: (range) => inner.scan({ ...range, start: lower(range.start), end: lower(range.end) }),
				commit: ({ checks, deletes, puts, durability }) =>
					inner.commit({
						checks: checks.map(({ key, value }) => ({ key: lower(key), value })),
						deletes: deletes.map(lower),
						puts: puts.map(({ key, value }) => ({ key: lower(key), value })),
						durability,
					}),
			});
		},
		fails: ["host: keys that are alike but for their bytes are different rows"],
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
		what: "a large value stays beside the small one in its place",
		make: (inner) => {
			const large = new Map<string, Uint8Array>();
			return altered(inner, {
				get: async (keys) => (await inner.get(keys)).map((value, i) => large.get(`${keys[i]}`)?.slice() ?? value),
				commit: (batch) => {
					for (const { key, value } of batch.puts) if (value.length > 16_384) large.set(`${key}`, copyBytes(value));
					for (const key of batch.deletes) large.delete(`${key}`);
					return inner.commit(batch);
				},
			});
		},
		fails: ["host: a value of any size may take the place of any other"],
	},
	{
		what: "a shorter value keeps the further pieces of the one before",
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					const before = await inner.get(batch.puts.map(({ key }) => key));
					const puts = batch.puts.map(({ key, value }, i) => {
						const kept = before[i]?.subarray(Math.max(1, Math.ceil(value.length / 65_536)) * 65_536) ?? [];
						return { key, value: new Uint8Array([...value, ...kept]) };
					});
					return inner.commit({ ...batch, puts });
				},
			}),
		fails: ["host: a value of any size may take the place of any other"],
	},
	{
		what: "large rows are not deleted",
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					const before = await inner.get(batch.deletes);
					return inner.commit({
						...batch,
						deletes: batch.deletes.filter((_, i) => (before[i]?.length ?? 0) <= 16_384),
					});
				},
			}),
		fails: ["host: a value of any size can be deleted"],
	},
	{
		what: "large rows come after small ones",
		make: scanning((page, range) => {
			if (range.keysOnly === true) return page;
			const isLarge = (i: number): number => Number((page.values[i] as Uint8Array).length > 16_384);
			const order = [...page.keys.keys()].sort((x, y) => isLarge(x) - isLarge(y) || x - y);
			return {
				...page,
				keys: order.map((i) => page.keys[i] as Uint8Array),
				values: order.map((i) => page.values[i] as Uint8Array),
			};
		}),
		fails: ["host: rows of all sizes come in the order of their keys"],
	},
	{
		what: "get gives one array for a key that is asked for twice",
		make: (inner) =>
			altered(inner, {
				get: async (keys) => {
					const values = await inner.get(keys);
					const texts = keys.map((key) => `${key}`);
					return texts.map((text) => values[texts.indexOf(text)]);
				},
			}),
		fails: ["host: what get gives for a key that is asked for twice is two arrays"],
	},
	{
		what: "large values that get gives share one buffer",
		make: (inner) => {
			const shared = new Uint8Array(1 << 20);
			return altered(inner, {
				get: async (keys) =>
					(await inner.get(keys)).map((value) => {
						if (value === undefined || value.length < 16_384) return value;
						shared.set(value);
						return shared.subarray(0, value.length);
					}),
			});
		},
		fails: ["host: large values belong to the caller, and do not change"],
	},
	{
		what: "what failed checks give shares one buffer",
		make: (inner) => {
			const shared = new Uint8Array(1 << 20);
			return altered(inner, {
				commit: async (batch) => {
					const answer = await inner.commit(batch);
					if (answer.applied || answer.current === undefined) return answer;
					shared.set(answer.current);
					return { ...answer, current: shared.subarray(0, answer.current.length) };
				},
			});
		},
		fails: ["host: what failed checks give does not change with the next one"],
	},
	{
		what: "a second instance remembers what it scanned until it writes",
		make: (inner) => inner,
		second: (inner) => {
			const pages = new Map<string, ScanPage>();
			return altered(inner, {
				scan: async (range) => {
					const page = pages.get(JSON.stringify(range)) ?? (await inner.scan(range));
					pages.set(JSON.stringify(range), page);
					return page;
				},
				commit: (batch) => {
					pages.clear();
					return inner.commit(batch);
				},
			});
		},
		fails: ["host: a second instance sees what the first wrote"],
	},
	{
		what: "each instance has a lock of its own",
		make: (inner) => {
			let last: Promise<unknown> = Promise.resolve();
			return altered(inner, {
				commit: (batch) => {
					const answer = last.then(async () => {
						const checked = await inner.commit({ ...batch, deletes: [], puts: [] });
						await turn();
						return checked.applied ? inner.commit({ ...batch, checks: [] }) : checked;
					});
					last = answer;
					return answer;
				},
			});
		},
		fails: ["host: two instances that count by checks lose nothing"],
	},
	{
		what: "a commit under way when the host is closed is answered and not made",
		make: (inner) => {
			let open = true;
			return altered(inner, {
				commit: async (batch) => {
					await turn();
					return open ? inner.commit(batch) : { applied: true };
				},
				close() {
					open = false;
				},
			});
		},
		fails: ["host: a commit under way is answered when the host is closed, and is there if it was applied"],
	},
	{
		what: "relaxed commits that no strict one follows are gone after reopening",
		make: (inner) => {
			const rows = memoryHost();
			const everything = { start: new Uint8Array([0]), end: new Uint8Array([0xff]), limit: 1000 };
			const copied = copyRows(inner, rows, everything);
			return altered(rows, {
				get: (keys) => copied.then(() => rows.get(keys)),
				scan: (range) => copied.then(() => rows.scan(range)),
				commit: async (batch) => {
					await copied;
					const answer = await rows.commit(batch);
					if (answer.applied && batch.durability === "strict") await copyRows(rows, inner, everything);
					return answer;
				},
			});
		},
		fails: ["host: what was written is there after reopening"],
	},
	{
		what: "a function that watches twice is stopped at once",
		make: (inner) => {
			const stops = new Map<() => void, (() => void) | undefined>();
			return altered(inner, {
				watch: (changed) => {
					if (!stops.has(changed)) stops.set(changed, inner.watch?.(changed));
					return () => {
						stops.get(changed)?.();
						stops.delete(changed);
					};
				},
			});
		},
		fails: ["host: a function that watches twice is stopped once"],
	},
	{
		what: "a commit calls its own watchers back",
		make: (inner) => {
			const watchers = new Set<() => void>();
			return altered(inner, {
				watch: (changed) => {
					watchers.add(changed);
					return () => watchers.delete(changed);
				},
				commit: (batch) => {
					for (const changed of watchers) changed();
					return inner.commit(batch);
				},
			});
		},
		fails: ["host: no hint arrives from within a call"],
	},
	{
		what: "watching gives nothing to stop it with",
		make: (inner) => altered(inner, { watch: () => undefined as never }),
		fails: ["host: watching can be started and stopped, also twice"],
	},
];

interface Outcome {
	readonly name: string;
	readonly error: unknown;
	readonly skipped: string | undefined;
}

/** Runs the cases of these names and says how each went. */
async function outcomes(factory: ConformanceFactory, names: readonly string[]): Promise<Outcome[]> {
	const cases: [string, (t: { skip(reason: string): void }) => Promise<void>][] = [];
	hostConformance({ test: (name, run) => void cases.push([name, run]) }, factory);
	const found: Outcome[] = [];
	for (const [name, run] of cases) {
		if (!names.includes(name)) continue;
		let skipped: string | undefined;
		let error: unknown;
		try {
			await run({
				skip(reason) {
					skipped = reason;
				},
			});
		} catch (thrown) {
			error = thrown;
		}
		found.push({ name, error, skipped });
	}
	return found;
}

function factoryOf({ make, inner = memoryHost, second = make }: Broken): ConformanceFactory {
	let data = inner();
	return {
		async open() {
			data = inner();
			return make(data);
		},
		reopen: async () => make(data),
		second: async () => second(data),
	};
}

for (const broken of BROKEN) {
	test(`a host is caught: ${broken.what}`, async () => {
		const found = await outcomes(factoryOf(broken), broken.fails);
		assert.deepEqual(found.map(({ name }) => name).sort(), [...broken.fails].sort(), "cases of these names");
		for (const { name, error, skipped } of found) {
			assert.equal(skipped, undefined, `"${name}" is skipped`);
			assert.ok(error instanceof Error, `"${name}" passes`);
		}
	});
}

test("the hosts underneath pass what the broken ones fail", async () => {
	for (const inner of [memoryHost, small]) {
		const fails = BROKEN.filter((broken) => (broken.inner ?? memoryHost) === inner).flatMap((broken) => broken.fails);
		for (const { name, error } of await outcomes(
			factoryOf({ what: "nothing", make: (host) => host, fails, inner }),
			fails,
		)) {
			assert.equal(error, undefined, name);
		}
	}
});
