import { toHex } from "../src/common/bytes.js";
import type { StreamkitError } from "../src/errors.js";
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

/** A host that cannot import the class of the errors, and gives arrays that others would not. */
function plain(inner: HostKv): HostKv {
	const view = (bytes: Uint8Array): Uint8Array => {
		const room = new Uint8Array(bytes.length + 9);
		room.set(bytes, 7);
		return room.subarray(7, 7 + bytes.length);
	};
	return {
		name: `plain ${inner.name}`,
		limits: inner.limits,
		get: async (keys) => (await inner.get(keys)).map((value) => value && view(value)),
		async scan(range) {
			const { keys, values, more } = await inner.scan(range);
			return { keys: keys.map(view), values: values.map((value) => Buffer.from(value)), more };
		},
		async commit(batch) {
			try {
				return await inner.commit(batch);
			} catch (error) {
				const { code, message, details, retryable } = error as StreamkitError;
				throw Object.assign(new Error(message), { code, details, retryable });
			}
		},
	};
}

// As little as a host may hold.
const LEAST = { maxKeyBytes: 280, maxValueBytes: 4096, blockBytes: 4096 };

hostConformance(
	runner("the smallest host, with errors of its own"),
	sharing(() => memoryHost({ limits: { ...LEAST, maxBatchOps: 16, maxBatchBytes: 16_384 } }), plain),
);

hostConformance(
	runner("a host whose commits hold less than its values"),
	sharing(
		() => memoryHost({ limits: { maxBatchBytes: 1 << 16, blockBytes: 1 << 14 } }),
		(host) => host,
	),
);

hostConformance(
	runner("the smallest host that takes one row at a time"),
	sharing(
		() =>
			memoryHost({
				limits: { ...LEAST, atomic: "none", checks: false, consistent: false, maxBatchOps: 1, maxBatchBytes: 4376 },
			}),
		strict,
	),
);
