import { copyBytes } from "../../src/common/bytes.js";
import { StreamkitError } from "../../src/errors.js";
import type { HostKv, ScanPage, ScanRange } from "../../src/host.js";
import { memoryHost } from "../../src/hosts/memory.js";
import { altered, type Broken, committing, turn } from "./broken.js";

/** Makes the rows of one host those of another. */
async function copyRows(from: HostKv, to: HostKv, range: ScanRange): Promise<void> {
	const [{ keys, values }, before] = [await from.scan(range), await to.scan(range)];
	await to.commit({ checks: [], deletes: before.keys.map(copyBytes), puts: [], durability: "strict" });
	const puts = keys.map((key, i) => ({ key: copyBytes(key), value: copyBytes(values[i] as Uint8Array) }));
	await to.commit({ checks: [], deletes: [], puts, durability: "strict" });
}

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
];
