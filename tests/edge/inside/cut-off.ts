// A writer on Workers KV that is cut off at every one of its calls in turn. A reader must see whole commits only, and the
// next writer must go on from there.

import { type Entry, type HostKv, openStore, type Store } from "streamkit";
import { durableObjectHost, workersKvHost } from "streamkit/cloudflare";
import { assert } from "./assert.js";
import type { Env, KvNamespace, State } from "./platform.js";

/** A namespace that fails for ever from one call on; that call itself still takes effect, or does not. */
class CutOffKv implements KvNamespace {
	readonly #inner: KvNamespace;
	#left: number;
	readonly #takesEffect: boolean;

	constructor(inner: KvNamespace, calls: number, takesEffect: boolean) {
		this.#inner = inner;
		this.#left = calls;
		this.#takesEffect = takesEffect;
	}

	get isCut(): boolean {
		return this.#left < 0;
	}

	async #call<T>(call: () => Promise<T>): Promise<T> {
		if (--this.#left >= 0) return call();
		if (this.#left === -1 && this.#takesEffect) await call();
		throw new Error("cut off");
	}

	get = (name: string, type: "arrayBuffer") => this.#call(() => this.#inner.get(name, type));
	put = (name: string, value: Uint8Array | string) => this.#call(() => this.#inner.put(name, value));
	delete = (name: string) => this.#call(() => this.#inner.delete(name));
	list = (options: { prefix?: string; limit?: number; cursor?: string }) => this.#call(() => this.#inner.list(options));
}

/** Blocks so small that a commit has several rows. */
function inSmallBlocks(host: HostKv): HostKv {
	return {
		name: host.name,
		limits: { ...host.limits, blockBytes: 2048 },
		get: (keys) => host.get(keys),
		scan: (range) => host.scan(range),
		commit: (batch) => host.commit(batch),
	};
}

// Every commit has one entry in each of several segments, one of them large enough for two blocks.
const COMMITS = 3;
const SEGMENTS = ["a", "b"];

function payloadOf(commit: number, segment: string): string {
	return `${commit} ${segment} ${"x".repeat(segment === "a" ? 3000 : 10)}`;
}

async function write(store: Store, commit: number): Promise<void> {
	await store.transact(
		SEGMENTS.map((segment) => ({
			space: "s",
			segment,
			records: [1, 2].map(() => ({ payload: payloadOf(commit, segment) })),
		})),
		{ durability: "relaxed" },
	);
}

const PER_COMMIT = SEGMENTS.length * 2;

/** How many commits a reader sees; anything but whole ones, in order, is an error. */
async function commitsSeen(env: Env, prefix: string): Promise<number> {
	const host = workersKvHost(env.KV, { prefix, readOnly: true });
	let store: Store;
	try {
		store = await openStore(host);
	} catch {
		// Not even its identity is there.
		return 0;
	}
	const entries = await store.consumeSpace({ space: "s" }).toArray();
	assert(entries.length % PER_COMMIT === 0, `${prefix}: half a commit: ${entries.length} entries`);
	const of = (segment: string): Entry[] => entries.filter((entry) => entry.segment === segment);
	const seen = entries.length / PER_COMMIT;
	for (const segment of SEGMENTS) {
		const bySegment = await store.consumeSegment({ space: "s", segment }).toArray();
		for (const list of [of(segment), bySegment]) {
			assert(list.length === seen * 2, `${prefix}: ${list.length} entries of "${segment}", not ${seen * 2}`);
			list.forEach((entry, i) => {
				assert(entry.sequence === i + 1, `${prefix}: sequence ${entry.sequence} at ${i}`);
				assert(entry.text() === payloadOf(Math.floor(i / 2), segment), `${prefix}: entry ${i} of "${segment}"`);
			});
		}
	}
	await store.close();
	return seen;
}

/** Input: which calls of all to cut at, as [first, step]. Gives how many of them were cut. */
export async function cutOff(state: State, env: Env, input: unknown): Promise<number> {
	const {
		first,
		step,
		journal: withJournal,
		takesEffect,
	} = input as {
		first: number;
		step: number;
		journal: boolean;
		takesEffect: boolean;
	};
	let cuts = 0;
	for (let at = first; ; at += step) {
		const id = `${withJournal ? "j" : "m"}${takesEffect ? "e" : "n"}${at}`;
		const prefix = `${id}/`;
		const journal = withJournal ? durableObjectHost(state.storage, { name: id }) : undefined;
		const kv = new CutOffKv(env.KV, at, takesEffect);
		let acknowledged = 0;
		let tried = 0;
		try {
			const store = await openStore(inSmallBlocks(workersKvHost(kv, { prefix, journal, writeInterval: 0 })));
			for (; tried < COMMITS; tried++) {
				await write(store, tried);
				acknowledged++;
			}
			await store.close();
		} catch (error) {
			assert(kv.isCut, String(error));
		}
		const seen = await commitsSeen(env, prefix);
		assert(seen >= acknowledged, `${prefix}: ${acknowledged} commits were acknowledged, ${seen} are seen`);
		assert(seen <= Math.min(tried + 1, COMMITS), `${prefix}: ${tried + 1} commits were tried, ${seen} are seen`);

		// The next one, wherever the first one stopped.
		const next = await openStore(inSmallBlocks(workersKvHost(env.KV, { prefix, journal, writeInterval: 0 })));
		const status = await next.getSegmentStatus("s", "a");
		const there = (status?.lastSequence ?? 0) / 2;
		assert(there >= seen && there <= Math.min(tried + 1, COMMITS), `${prefix}: the next writer finds ${there} commits`);
		for (let commit = there; commit < COMMITS + 1; commit++) await write(next, commit);
		const { problems } = await next.verify();
		assert(problems.length === 0, `${prefix}: ${JSON.stringify(problems)}`);
		await next.close();
		const all = await commitsSeen(env, prefix);
		assert(all === COMMITS + 1, `${prefix}: ${all} of ${COMMITS + 1} commits in the end`);
		if (!kv.isCut) return cuts;
		cuts++;
	}
}
