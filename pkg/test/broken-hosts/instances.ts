import { copyBytes } from "../../src/common/bytes.js";
import { StreamkitError } from "../../src/errors.js";
import type { HostBatch, HostCommit, HostKv, ScanPage, ScanRange } from "../../src/host.js";
import { memoryHost } from "../../src/hosts/memory.js";
import { altered, type Broken, committing, turn } from "./broken.js";

/** Makes the rows of one host those of another. */
async function copyRows(from: HostKv, to: HostKv, range: ScanRange): Promise<void> {
	const [{ keys, values }, before] = [await from.scan(range), await to.scan(range)];
	await to.commit({ checks: [], deletes: before.keys.map(copyBytes), puts: [], durability: "strict" });
	const puts = keys.map((key, i) => ({ key: copyBytes(key), value: copyBytes(values[i] as Uint8Array) }));
	await to.commit({ checks: [], deletes: [], puts, durability: "strict" });
}

/** A host that refuses all calls once it is closed, and may do more then. */
function closing(inner: HostKv, commit: (guard: () => void, batch: HostBatch) => Promise<HostCommit>): HostKv {
	let open = true;
	const guard = (): void => {
		if (!open) throw new StreamkitError("CLOSED", "closed");
	};
	return altered(inner, {
		get(keys) {
			guard();
			return inner.get(keys);
		},
		scan(range) {
			guard();
			return inner.scan(range);
		},
		commit: (batch) => commit(guard, batch),
		close() {
			open = false;
		},
	});
}

const CLOSED = new WeakSet<HostKv>();

/** An instance that ends with another one. */
function untilClosed(inner: HostKv): HostKv {
	return altered(inner, {
		get(keys) {
			if (CLOSED.has(inner)) throw new StreamkitError("CLOSED", "closed");
			return inner.get(keys);
		},
	});
}

/** What an instance was refused, by the host underneath. */
const REFUSED = new WeakMap<HostKv, HostBatch>();

/** What a reopened host makes of what was stored, where it reads it by get. */
const reopened = (change: (value: Uint8Array) => Uint8Array | undefined) => (inner: HostKv) =>
	altered(inner, {
		get: async (keys) => (await inner.get(keys)).map((value) => value && change(value)),
	});

export const instances: readonly Broken[] = [
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
		fails: ["host: calls under way are answered when the host is closed, and a commit is there if that says so"],
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
		what: "a commit that was applied is CLOSED when the host was closed meanwhile",
		make: (inner) =>
			closing(inner, async (guard, batch) => {
				guard();
				const answer = await inner.commit(batch);
				await turn();
				guard();
				return answer;
			}),
		fails: ["host: calls under way are answered when the host is closed, and a commit is there if that says so"],
	},
	{
		what: "a commit of a closed host is applied and refused",
		make: (inner) =>
			closing(inner, async (guard, batch) => {
				const answer = await inner.commit(batch);
				guard();
				return answer;
			}),
		fails: ["host: calls under way are answered when the host is closed, and a commit is there if that says so"],
	},
	{
		what: "a closed host is UNAVAILABLE",
		make: (inner) => {
			let open = true;
			return altered(inner, {
				get(keys) {
					if (!open) throw new StreamkitError("UNAVAILABLE", "closed");
					return inner.get(keys);
				},
				close() {
					open = false;
				},
			});
		},
		fails: ["host: a closed host refuses, and closing twice is no error"],
	},
	{
		what: "all instances are closed with the first",
		make: (inner) => {
			const close = (): void => void CLOSED.add(inner);
			return altered(untilClosed(inner), { close });
		},
		second: (inner) => untilClosed(inner),
		fails: ["host: closing one instance leaves the other open"],
	},
	{
		what: "a second instance may write to a host that says it is not shared",
		inner: () => memoryHost({ limits: { shared: false } }),
		make: (inner) => inner,
		fails: ["host: a host that can be open twice says that it is shared"],
	},
	{
		what: "a second instance takes a row for there that another deleted",
		make: (inner) => inner,
		second: (inner) => {
			const known = new Map<string, Uint8Array>();
			return altered(inner, {
				commit: async (batch) => {
					for (const [check, { key, value }] of batch.checks.entries()) {
						const current = known.get(`${key}`)?.slice();
						if (value === undefined && current !== undefined) return { applied: false, check, current };
					}
					const answer = await inner.commit(batch);
					for (const { key, value } of answer.applied ? batch.puts : []) known.set(`${key}`, copyBytes(value));
					return answer;
				},
			});
		},
		fails: ["host: a check goes by what is there, and not by who wrote it or how often"],
	},
	{
		what: "empty values are gone after reopening",
		make: (inner) => inner,
		reopen: reopened((value) => (value.length === 0 ? undefined : value)),
		fails: ["host: rows of all kinds are there after reopening, however often"],
	},
	{
		what: "values are text after reopening",
		make: (inner) => inner,
		reopen: reopened((value) => new TextEncoder().encode(new TextDecoder().decode(value))),
		fails: ["host: rows of all kinds are there after reopening, however often"],
	},
	{
		what: "large values are gone after reopening",
		make: (inner) => inner,
		reopen: reopened((value) => (value.length > 65_536 ? undefined : value)),
		fails: ["host: rows of all kinds are there after reopening, however often"],
	},
	{
		what: "a refused commit is applied by reopening",
		make: (inner) =>
			altered(inner, {
				commit: async (batch) => {
					const answer = await inner.commit(batch);
					if (!answer.applied) REFUSED.set(inner, batch);
					return answer;
				},
			}),
		reopen: (inner) => {
			const batch = REFUSED.get(inner);
			if (batch !== undefined) inner.commit({ ...batch, checks: [] });
			return inner;
		},
		fails: ["host: rows of all kinds are there after reopening, however often"],
	},
	{
		what: "a host that was reopened checks only what it wrote since",
		make: (inner) => inner,
		reopen: (inner) => {
			const written = new Set<string>();
			return altered(inner, {
				commit: (batch) => {
					const checks = batch.checks.filter(({ key }) => written.has(`${key}`));
					for (const { key } of batch.puts) written.add(`${key}`);
					return inner.commit({ ...batch, checks });
				},
			});
		},
		fails: ["host: a host that was reopened makes checks against what is there"],
	},
];
