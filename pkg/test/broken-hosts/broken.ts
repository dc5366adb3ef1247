import type { Bytes } from "../../src/common/bytes.js";
import type { HostBatch, HostKv, ScanPage, ScanRange } from "../../src/host.js";
import { memoryHost } from "../../src/hosts/memory.js";

type Part = Partial<Pick<HostKv, "limits" | "get" | "scan" | "commit" | "watch" | "notify" | "close">>;

/** A host that differs from another in a few calls. */
export function altered(inner: HostKv, part: Part): HostKv {
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
export const scanning =
	(change: (page: ScanPage, range: ScanRange, inner: HostKv) => ScanPage | Promise<ScanPage>) => (inner: HostKv) =>
		altered(inner, { scan: async (range) => change(await inner.scan(range), range, inner) });

/** What a host is told to commit, changed. */
export const committing = (change: (batch: HostBatch) => HostBatch) => (inner: HostKv) =>
	altered(inner, { commit: (batch) => inner.commit(change(batch)) });

/** Lets what is under way go on. */
export const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** Runs work one after the other. */
export function oneAtATime(): <T>(work: () => T | Promise<T>) => Promise<T> {
	let last: Promise<unknown> = Promise.resolve();
	return (work) => {
		const result = last.then(work);
		last = result.catch(() => {});
		return result;
	};
}

/** The first key after another. */
export const after = (key: Uint8Array): Bytes => new Uint8Array([...key, 0]);

/** A host that breaks a rule, and the cases that tell. */
export interface Broken {
	readonly what: string;
	readonly make: (inner: HostKv) => HostKv;
	/** Cases that must fail. */
	readonly fails: readonly string[];
	/** The host underneath, where it is not the usual one. */
	readonly inner?: () => HostKv;
	/** A second instance that is not made like the first. */
	readonly second?: (inner: HostKv) => HostKv;
	/** A reopened host that is not made like the first. */
	readonly reopen?: (inner: HostKv) => HostKv;
}

/** A host of small limits, which it heeds. */
export const small = (): HostKv =>
	memoryHost({
		limits: { maxKeyBytes: 400, maxValueBytes: 5000, blockBytes: 4096, maxBatchOps: 16, maxBatchBytes: 16_384 },
	});
