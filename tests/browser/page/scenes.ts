// What tabs and workers do in these tests. Tests call it with plain values, and get plain values back.

import {
	type HostCommit,
	type HostKv,
	isStreamkitError,
	type Lease,
	type OpenOptions,
	openStore,
	type Store,
} from "streamkit";
import { indexedDbHost } from "streamkit/indexeddb";

/** How a call ended, as far as it can leave the page. */
export type Outcome<T> =
	| { readonly value: T }
	| { readonly code: string; readonly message: string; readonly retryable: boolean; readonly details: unknown };

export async function outcome<T>(work: () => Promise<T>): Promise<Outcome<T>> {
	try {
		return { value: await work() };
	} catch (error) {
		if (!isStreamkitError(error)) throw error;
		const { code, message, retryable, details } = error;
		return { code, message, retryable, details };
	}
}

const open = new Map<string, { host: HostKv; store: Store }>();

/** Opens a store in a database and keeps it, under the database's name, for later calls. */
export async function opened(database: string, options?: OpenOptions): Promise<Store> {
	const known = open.get(database);
	if (known !== undefined) return known.store;
	const host = await indexedDbHost(database);
	const store = await openStore(host, options);
	open.set(database, { host, store });
	return store;
}

export async function hostOf(database: string): Promise<HostKv> {
	await opened(database);
	return open.get(database)?.host as HostKv;
}

/** Ends the store and its host. */
export async function closed(database: string): Promise<void> {
	const known = open.get(database);
	open.delete(database);
	await known?.store.close();
	await known?.host.close?.();
}

const SPACE = "space";
const BATCH = 20;

export interface Written {
	readonly payload: string;
	readonly segment: string;
	readonly sequence: number;
}

/** Tries again what lost too many races: nothing of it was stored. A tab in the background is slow to try again. */
async function insisting<T>(write: () => Promise<T>): Promise<T> {
	for (;;) {
		try {
			return await write();
		} catch (error) {
			if (!isStreamkitError(error, "CONFLICT") || !error.retryable) throw error;
		}
	}
}

/** Appends to a segment, some with an expected sequence that others may take first, several calls in flight at once. */
export async function compete(database: string, tab: string, segment: string, count: number): Promise<Written[]> {
	const store = await opened(database);
	const written: Written[] = [];
	const note = (payload: string, sequence: number): void => {
		written.push({ payload, segment, sequence });
	};
	const freely = Array.from({ length: count }, async (_, i) => {
		const payload = `${tab}:free:${i}`;
		note(payload, (await insisting(() => store.publish(SPACE, segment, payload))).lastSequence);
	});
	const expecting = async (): Promise<void> => {
		let last = (await store.getSegmentStatus(SPACE, segment))?.lastSequence ?? 0;
		for (let i = 0; i < count; ) {
			const payload = `${tab}:expected:${i}`;
			const answer = await outcome(() =>
				insisting(() => store.publish(SPACE, segment, payload, { expectedSequence: last })),
			);
			if ("value" in answer) {
				last = answer.value.lastSequence;
				note(payload, last);
				i++;
			} else {
				if (answer.code !== "SEQUENCE_MISMATCH") throw new Error(answer.message);
				last = (answer.details as { actual: number }).actual - 1;
			}
		}
	};
	await Promise.all([...freely, expecting()]);
	return written;
}

/** Begins to append until the tab is gone: single records and batches, side by side. Tells the site what was acknowledged. */
export async function writeForEver(database: string, round: number): Promise<void> {
	const store = await opened(database);
	const acknowledged = (written: Written): void => {
		void fetch("/tell", { method: "POST", body: JSON.stringify(written) });
	};
	const singles = async (segment: string): Promise<void> => {
		for (let i = 0; ; i++) {
			const payload = `${round}:${segment}:${i}`;
			const { lastSequence } = await insisting(() => store.publish(SPACE, segment, payload));
			acknowledged({ payload, segment, sequence: lastSequence });
		}
	};
	const batches = async (segment: string): Promise<void> => {
		for (let i = 0; ; i++) {
			const payload = `${round}:${segment}:${i}:${"x".repeat(500)}`;
			const records = Array.from({ length: BATCH }, () => ({ payload }));
			const { lastSequence } = await insisting(() => store.produce(SPACE, segment, records));
			acknowledged({ payload, segment, sequence: lastSequence });
		}
	};
	void Promise.all([singles("a"), singles("b"), batches("c")]);
}

/** What is in a segment: its payloads from sequence 1 on. Throws where a sequence is missing or out of order. */
export async function payloads(database: string, segment: string): Promise<string[]> {
	const store = await opened(database);
	const found: string[] = [];
	for await (const entry of store.consumeSegment({ space: SPACE, segment })) {
		found.push(entry.text());
		if (entry.sequence !== found.length) throw new Error(`sequence ${entry.sequence} where ${found.length} belongs`);
	}
	return found;
}

export async function verified(database: string): Promise<{ entries: number; problems: unknown[] }> {
	const { entries, problems } = await (await opened(database)).verify();
	return { entries, problems };
}

export async function publish(database: string, segment: string, payload: string): Promise<number> {
	return (await (await opened(database)).publish(SPACE, segment, payload)).lastSequence;
}

/** Reads so many entries of the space after an offset; gives them and the offset of the last one. */
export async function readOn(database: string, offset: string, limit: number): Promise<[string[], string]> {
	const store = await opened(database);
	let last = offset;
	const found: string[] = [];
	for await (const entry of store.consumeSpace({ space: SPACE, offset, limit })) {
		found.push(entry.text());
		last = entry.spaceOffset().toHex();
	}
	return [found, last];
}

let following: Promise<string[]> | undefined;

/** Begins to follow the space until so many entries have come; resolves once it waits for more than there are. */
export async function follow(database: string, count: number, pollInterval: number): Promise<void> {
	const store = await opened(database, { pollInterval });
	following = (async () => {
		const found: string[] = [];
		for await (const entry of store.consumeSpace({ space: SPACE, limit: count, follow: true }))
			found.push(entry.text());
		return found;
	})();
}

export async function followed(): Promise<string[]> {
	return (await following) ?? [];
}

/** Takes a lease and keeps it for as long as the tab lives; resolves once it has it, with its token. */
export async function keepLease(database: string, key: string, ttl: number): Promise<number> {
	const store = await opened(database);
	return new Promise((resolve, reject) => {
		const keep = (lease: Lease): Promise<never> => {
			resolve(lease.fencingToken);
			return new Promise(() => {});
		};
		store.withLease(key, ttl, keep).catch(reject);
	});
}

/** Takes a lease as soon as it is free, within `wait`; its token. */
export async function takeLease(database: string, key: string, ttl: number, wait: number): Promise<number> {
	const store = await opened(database);
	return store.withLease(key, ttl, ({ fencingToken }) => fencingToken, { wait });
}

/** Deletes a database, or opens it in another version; how often it was held up by an open connection. */
export function take(database: string, version?: number): Promise<number> {
	return new Promise((resolve, reject) => {
		const request = version === undefined ? indexedDB.deleteDatabase(database) : indexedDB.open(database, version);
		let blocked = 0;
		request.onblocked = () => {
			blocked++;
		};
		request.onsuccess = () => {
			if (version !== undefined) (request.result as unknown as IDBDatabase).close();
			resolve(blocked);
		};
		request.onerror = () => reject(request.error);
	});
}

/** Makes a database as another program would. */
export function makeForeign(database: string, stores: readonly string[]): Promise<void> {
	return new Promise((resolve, reject) => {
		const request = indexedDB.open(database, 1);
		request.onupgradeneeded = () => {
			for (const name of stores) request.result.createObjectStore(name);
		};
		request.onsuccess = () => {
			request.result.close();
			resolve();
		};
		request.onerror = () => reject(request.error);
	});
}

/** From now on every connection that this page uses is known to `closeUnderneath`. */
export function watchConnections(): void {
	const transaction = IDBDatabase.prototype.transaction;
	IDBDatabase.prototype.transaction = function (this: IDBDatabase, ...args) {
		connections.add(this);
		return transaction.apply(this, args);
	};
}

const connections = new Set<IDBDatabase>();

/** Closes all connections that were used, without a word to those who use them; how many. */
export function closeUnderneath(): number {
	const count = connections.size;
	for (const db of connections) db.close();
	connections.clear();
	return count;
}

/** The next writing transaction is aborted at that moment, as it is when the connection to the database breaks. */
export function abortNext(moment: "while checks are asked" | "once writes are issued"): void {
	const transaction = IDBDatabase.prototype.transaction;
	IDBDatabase.prototype.transaction = function (this: IDBDatabase, ...args) {
		const started = transaction.apply(this, args);
		if (args[1] !== "readwrite") return started;
		IDBDatabase.prototype.transaction = transaction;
		if (moment === "while checks are asked") {
			// Before any of its requests is answered.
			queueMicrotask(() => started.abort());
			return started;
		}
		// Once all writes of this turn are issued, and before one is answered.
		started.commit = () => started.abort();
		return started;
	};
}

/** Bytes that no compression makes smaller. */
export function noise(length: number): Uint8Array<ArrayBuffer> {
	const bytes = new Uint8Array(length);
	for (let at = 0; at < length; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536));
	return bytes;
}

/** How two commits end, the first of which breaks off while its checks are asked, the second once its writes are issued; and the second tried again. */
export async function brokenCommits(database: string): Promise<Outcome<HostCommit>[]> {
	const host = await indexedDbHost(database);
	const commit = (text: string): Promise<Outcome<HostCommit>> => {
		const key = new TextEncoder().encode(text);
		const puts = [{ key, value: key }];
		return outcome(async () =>
			host.commit({ checks: [{ key, value: undefined }], deletes: [], puts, durability: "strict" }),
		);
	};
	abortNext("while checks are asked");
	const early = await commit("early");
	abortNext("once writes are issued");
	const late = await commit("late");
	const again = await commit("late");
	await host.close?.();
	return [early, late, again];
}

/** Who is told when the first of two hosts on a database says that it wrote: it has two watchers, the other one has one. */
export async function told(database: string): Promise<string[]> {
	const [host, other] = [await indexedDbHost(database), await indexedDbHost(database)];
	const seen: string[] = [];
	const stops: (() => void)[] = [];
	const watch = (who: string, where: HostKv): Promise<void> =>
		new Promise((resolve) => {
			const stop = where.watch?.(() => {
				seen.push(who);
				resolve();
			});
			if (stop !== undefined) stops.push(stop);
		});
	const all = [watch("first", host), watch("second", host), watch("other", other)];
	host.notify?.();
	await Promise.all(all);
	for (const stop of stops) stop();
	// Messages keep their order: by the time this one is heard, those who were stopped would have heard it too.
	const last = watch("last", other);
	host.notify?.();
	await last;
	await host.close?.();
	await other.close?.();
	host.notify?.();
	return seen.sort();
}

/** A commit of one byte more than the host takes, then one of exactly as much; and how many rows there are after each. */
export async function fillToLimits(
	database: string,
): Promise<{ refused: Outcome<HostCommit>; before: number; applied: Outcome<HostCommit>; after: number }> {
	const host = await indexedDbHost(database);
	const { maxBatchBytes, maxValueBytes } = host.limits;
	const commit = (bytes: number): Promise<Outcome<HostCommit>> => {
		const puts: { key: Uint8Array<ArrayBuffer>; value: Uint8Array<ArrayBuffer> }[] = [];
		for (let left = bytes; left > 0; ) {
			const length = Math.min(maxValueBytes, left - 1);
			puts.push({ key: new Uint8Array([puts.length]), value: new Uint8Array(length) });
			left -= length + 1;
		}
		return outcome(async () => host.commit({ checks: [], deletes: [], puts, durability: "relaxed" }));
	};
	const rows = async (): Promise<number> => {
		const range = { start: new Uint8Array(0), end: new Uint8Array([255]), limit: 9, keysOnly: true };
		return (await host.scan(range)).keys.length;
	};
	const refused = await commit(maxBatchBytes + 1);
	const before = await rows();
	const applied = await commit(maxBatchBytes);
	const after = await rows();
	await host.close?.();
	return { refused, before, applied, after };
}

/** Which rows the pages of a scan give, by the first bytes of their keys, and how it ends. */
async function scanned(
	host: HostKv,
	start: number,
	end: number,
	reverse = false,
): Promise<{ found: (number | undefined)[]; end: Outcome<void> }> {
	const range = { start: new Uint8Array([start]), end: new Uint8Array([end]), reverse, limit: 10, maxBytes: 1 << 20 };
	const found: (number | undefined)[] = [];
	const ended = await outcome(async () => {
		for (let more = true; more; ) {
			const page = await host.scan(range);
			more = page.more;
			for (const key of page.keys) {
				found.push(key[0]);
				if (reverse) range.end = new Uint8Array(key);
				else range.start = new Uint8Array([...key, 0]);
			}
		}
	});
	return { found, end: ended };
}

/** Reads rows 1 to 5, the third of which is damaged, in every way. */
export async function readAround(database: string) {
	let uncaught = 0;
	addEventListener("error", () => uncaught++);
	const host = await indexedDbHost(database);
	const lengths = (...bytes: number[]): Promise<Outcome<(number | undefined)[]>> =>
		outcome(async () => (await host.get(bytes.map((byte) => new Uint8Array([byte])))).map((value) => value?.length));
	const change = { key: new Uint8Array([3]), value: new Uint8Array(1) };
	const seen = {
		damaged: [await lengths(3), await lengths(1, 3, 4)],
		whole: await lengths(1, 2, 4, 5),
		forwards: await scanned(host, 0, 9),
		backwards: await scanned(host, 0, 9, true),
		beyond: await scanned(host, 4, 9),
		commit: await outcome(async () =>
			host.commit({
				checks: [change],
				deletes: [],
				puts: [{ key: new Uint8Array([4]), value: new Uint8Array(1) }],
				durability: "relaxed",
			}),
		),
		after: await lengths(4),
	};
	await host.close?.();
	return { ...seen, uncaught };
}

/** Makes all rows but the third large, and reads them in pages of several. */
export async function readLarge(database: string) {
	let uncaught = 0;
	addEventListener("error", () => uncaught++);
	const host = await indexedDbHost(database);
	const puts = [1, 2, 4, 5, 6].map((byte) => ({ key: new Uint8Array([byte]), value: new Uint8Array(300_000) }));
	await host.commit({ checks: [], deletes: [], puts, durability: "relaxed" });
	const seen = { all: await scanned(host, 0, 9), again: await scanned(host, 0, 9), beyond: await scanned(host, 4, 9) };
	await host.close?.();
	return { ...seen, uncaught };
}

/** What a worker is asked for in these tests: it appends, then reads everything back. */
export async function appendAndRead(database: string, segment: string, payload: string): Promise<string[]> {
	await publish(database, segment, payload);
	const found = await payloads(database, segment);
	await closed(database);
	return found;
}
