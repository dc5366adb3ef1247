import { toHex } from "../src/common/bytes.js";
import type { HostKv } from "../src/host.js";
import { memoryHost } from "../src/hosts/memory.js";
import { faultyHost, hostConformance } from "../src/testing.js";
import { runner } from "./support/runner.js";

/** A factory whose second instances and reopened hosts are the same data through the same wrapping. */
function sharing(make: () => HostKv, wrap: (host: HostKv) => HostKv) {
	let data = make();
	return {
		async open(): Promise<HostKv> {
			data = make();
			return wrap(data);
		},
		reopen: async () => wrap(data),
		second: async () => wrap(data),
	};
}

hostConformance(
	runner("a faulty host without faults"),
	sharing(memoryHost, (host) => faultyHost(host, { seed: 1 })),
);

/** The space that a row belongs to; rows of no space stand alone. */
function scopeOf(key: Uint8Array): string {
	const words = new TextDecoder().decode(key).split("\0");
	const [kind, second, third] = words;
	if (kind === "DAT" || (kind === "INV" && second !== "STORE")) return `space ${third}`;
	if (kind === "TRX" || kind === "GRP") return `space ${second}`;
	if (kind === "TXN") return `redo ${toHex(key.subarray(4, 20))}`;
	return `row ${toHex(key)}`;
}

/** A host that refuses what its commits do not cover. */
function strict(inner: HostKv): HostKv {
	return {
		name: `strict ${inner.name}`,
		limits: inner.limits,
		get: (keys) => inner.get(keys),
		scan: (range) => inner.scan(range),
		commit(batch) {
			const keys = [...batch.deletes, ...batch.puts.map(({ key }) => key), ...batch.checks.map(({ key }) => key)];
			const scopes = new Set(keys.map(scopeOf));
			if (scopes.size > 1) throw new Error(`one commit over ${[...scopes].join(" and ")}`);
			if (
				new Set(batch.puts.map(({ key }) => toHex(key)).concat(batch.deletes.map(toHex))).size <
				batch.puts.length + batch.deletes.length
			)
				throw new Error("one key is in two operations");
			return inner.commit(batch);
		},
	};
}

hostConformance(
	runner("a host that commits one space at a time"),
	sharing(() => memoryHost({ limits: { atomic: "space" } }), strict),
);

hostConformance(
	runner("a small host that commits one space at a time"),
	sharing(
		() =>
			memoryHost({
				limits: {
					atomic: "space",
					maxKeyBytes: 400,
					maxValueBytes: 1 << 16,
					blockBytes: 1 << 14,
					maxBatchOps: 100,
					maxBatchBytes: 1 << 18,
				},
			}),
		strict,
	),
);

hostConformance(
	runner("a host that takes one row at a time"),
	sharing(
		() =>
			memoryHost({
				limits: {
					atomic: "none",
					checks: false,
					consistent: false,
					maxBatchOps: 1,
					maxBatchBytes: 1 << 16,
					maxValueBytes: 1 << 15,
					blockBytes: 1 << 13,
				},
			}),
		strict,
	),
);
