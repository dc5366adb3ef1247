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
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					const found = await inner.get(batch.checks.map(({ key }) => key));
					const checks = batch.checks.map((check, i) => {
						const current = found[i];
						const { value } = check;
						if (current === undefined || value === undefined || current.length < value.length) return check;
						return compareBytes(current.subarray(0, value.length), value) === 0
							? { key: check.key, value: copyBytes(current) }
							: check;
					});
					return inner.commit({ ...batch, checks });
				},
			}),
		fails: ["host: a check fails for another value, and says which is there"],
	},
	{
		what: "a check compares lengths",
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					const found = await inner.get(batch.checks.map(({ key }) => key));
					const checks = batch.checks.map((check, i) => {
						const current = found[i];
						return current !== undefined && current.length === check.value?.length
							? { key: check.key, value: copyBytes(current) }
							: check;
					});
					return inner.commit({ ...batch, checks });
				},
			}),
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
		fails: ["host: large values that scan gives belong to the caller, and do not change"],
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
