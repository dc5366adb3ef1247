import { isStreamkitError } from "../../src/errors.js";
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
		fails: ["host: limits are sane"],
	},
];
