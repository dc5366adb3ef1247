import { deflateRawSync } from "node:zlib";
import { isStreamkitError, StreamkitError } from "../../src/errors.js";
import type { HostKv } from "../../src/host.js";
import { memoryHost } from "../../src/hosts/memory.js";
import { altered, type Broken, committing, small } from "./broken.js";

/** A host that says it has the limits and heeds none of them. */
const unlimited = (inner: HostKv): HostKv => altered(memoryHost(), { limits: inner.limits });

/** One call's check only: everything else is within the limits. */
const heedingAllBut =
	(limit: "maxKeyBytes" | "maxValueBytes" | "maxBatchOps" | "maxBatchBytes", by = Number.POSITIVE_INFINITY) =>
	(inner: HostKv): HostKv => {
		const loose = Math.min(inner.limits[limit] + by, 1 << 30);
		return altered(memoryHost({ limits: { ...inner.limits, [limit]: loose } }), { limits: inner.limits });
	};

export const limits: readonly Broken[] = [
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
		fails: ["host: limits are sane, and stay as they are"],
	},
	{
		what: "limits become smaller with the first commit",
		make: (inner) => {
			let { limits } = inner;
			const host = altered(inner, {
				commit: (batch) => {
					limits = { ...limits, maxBatchOps: 1000 };
					return inner.commit(batch);
				},
			});
			return Object.defineProperty(host, "limits", { get: () => limits });
		},
		fails: ["host: limits are sane, and stay as they are"],
	},
	{
		what: "what is too large is refused without saying how large it may be",
		inner: small,
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					try {
						return await inner.commit(batch);
					} catch {
						throw new StreamkitError("LIMIT_EXCEEDED", "too large");
					}
				},
			}),
		fails: [
			"host: a key of one byte more is refused",
			"host: a value of one byte more is refused",
			"host: a commit of one operation more is refused",
			"host: a commit of one byte more is refused",
		],
	},
	{
		what: "bytes of keys are counted as those of their text",
		inner: small,
		make: (inner) =>
			altered(inner, {
				commit: (batch) => {
					for (const { key } of batch.puts) {
						const bytes = new TextEncoder().encode(String.fromCharCode(...key)).length;
						if (bytes > inner.limits.maxKeyBytes) throw new Error("the index takes no such key");
					}
					return inner.commit(batch);
				},
			}),
		fails: ["host: a key of maxKeyBytes is kept"],
	},
	{
		what: "values are compressed, and must be smaller then",
		inner: small,
		make: (inner) =>
			altered(inner, {
				commit: (batch) => {
					for (const { value } of batch.puts) {
						if (deflateRawSync(value).length > inner.limits.maxValueBytes) throw new Error("the column is full");
					}
					return inner.commit(batch);
				},
			}),
		fails: ["host: a value of maxValueBytes is kept"],
	},
	{
		what: "values are looked at when their turn comes",
		inner: small,
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					const first = batch.puts.findIndex(({ value }) => value.length > inner.limits.maxValueBytes);
					if (first > 0) await inner.commit({ ...batch, puts: batch.puts.slice(0, first) });
					return inner.commit(batch);
				},
			}),
		fails: ["host: a commit whose last value is beyond a limit leaves nothing"],
	},
	{
		what: "keys of deletes are looked at when their turn comes",
		inner: small,
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					const first = batch.deletes.findIndex((key) => key.length > inner.limits.maxKeyBytes);
					if (first > 0) await inner.commit({ ...batch, deletes: batch.deletes.slice(0, first), puts: [] });
					return inner.commit(batch);
				},
			}),
		fails: ["host: a commit whose last operation is beyond a limit leaves nothing"],
	},
	{
		what: "what a refused commit was to put is read from a cache",
		inner: small,
		make: (inner) => {
			const cached = new Map<string, Uint8Array>();
			return altered(inner, {
				get: async (keys) => (await inner.get(keys)).map((value, i) => cached.get(`${keys[i]}`)?.slice() ?? value),
				commit: async (batch) => {
					for (const { key, value } of batch.puts) cached.set(`${key}`, value);
					const answer = await inner.commit(batch);
					for (const { key } of batch.puts) cached.delete(`${key}`);
					return answer;
				},
			});
		},
		fails: ["host: a commit whose last operation is beyond a limit leaves nothing"],
	},
];
