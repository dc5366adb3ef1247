// Workers KV that answers stale: readers see an older state but never a gap, and the writer is not misled.

import { isStreamkitError, openStore } from "streamkit";
import { durableObjectHost, workersKvHost } from "streamkit/cloudflare";
import { assert } from "./assert.js";
import type { Env, State } from "./platform.js";
import { StaleKv } from "./stale-kv.js";

const COMMITS = 12;

/** Input: the seed. Gives how many answers were stale. */
export async function staleReaders(state: State, env: Env, input: unknown): Promise<number> {
	const seed = input as number;
	const kv = new StaleKv(env.KV, seed, 8);
	const prefix = `stale${seed}/`;
	const journal = durableObjectHost(state.storage, { name: `stale${seed}` });
	// Each commit by a writer that starts anew: what the last one did it may not see in Workers KV.
	for (let commit = 0; commit < COMMITS; commit++) {
		const writer = await openStore(workersKvHost(kv, { prefix, journal, writeInterval: 0 }));
		for (const segment of ["a", "b"])
			await writer.publish("s", segment, `${commit}`, { expectedSequence: commit, durability: "relaxed" });
		await writer.close();

		let offset = "";
		let before = 0;
		for (let look = 0; look < 4; look++) {
			const reader = await openStore(workersKvHost(kv, { prefix, readOnly: true })).catch((error) => {
				assert(isStreamkitError(error, "UNSUPPORTED"), String(error));
			});
			if (reader === undefined) continue;
			for (const segment of ["a", "b"]) {
				const entries = await reader.consumeSegment({ space: "s", segment }).toArray();
				entries.forEach((entry, i) => {
					assert(entry.sequence === i + 1 && entry.text() === `${i}`, `seed ${seed}: ${segment} ${entry.sequence}`);
				});
				assert(entries.length <= commit + 1, `seed ${seed}: ${entries.length} entries`);
			}
			// Resumed from view to view, some of them older: each entry once, in order.
			for await (const entry of reader.consumeSpace({ space: "s", offset })) {
				const expected = `${entry.segment} ${Math.floor(before / 2)}`;
				assert(expected === `${before % 2 === 0 ? "a" : "b"} ${entry.text()}`, `seed ${seed}: ${expected}`);
				before++;
				offset = entry.spaceOffset().toHex();
			}
			await reader.close();
		}
	}
	const last = await openStore(workersKvHost(env.KV, { prefix, readOnly: true }));
	const all = await last.consumeSpace({ space: "s" }).toArray();
	assert(all.length === COMMITS * 2, `seed ${seed}: ${all.length} entries in the end`);
	assert((await last.verify()).problems.length === 0, `seed ${seed}: verify`);
	await last.close();
	return kv.stale;
}

/** A large row that Workers KV does not show its writer yet is a retryable error, never taken for absent. */
export async function tooEarly(_: State, env: Env): Promise<void> {
	let shows = true;
	const kv = {
		put: (name: string, value: Uint8Array) => env.KV.put(name, value),
		delete: (name: string) => env.KV.delete(name),
		list: (options: { prefix: string }) => (shows ? env.KV.list(options) : { keys: [], list_complete: true }),
		get: (name: string, type: "arrayBuffer") => (shows ? env.KV.get(name, type) : Promise.resolve(null)),
	};
	const host = workersKvHost(kv, { prefix: "early/", writeInterval: 0 });
	const key = new Uint8Array([1]);
	const value = new Uint8Array(100_000).fill(3);
	await host.commit({ checks: [], deletes: [], puts: [{ key, value }], durability: "strict" });
	shows = false;
	for (const read of [
		() => host.get([key]),
		() => host.scan({ start: new Uint8Array(0), end: new Uint8Array([2]), limit: 5 }),
	]) {
		try {
			await read();
			throw new Error("it was taken for absent");
		} catch (error) {
			assert(isStreamkitError(error, "UNAVAILABLE") && error.retryable, String(error));
			assert(error.details["applied"] === false, "a read applies nothing");
		}
	}
	const keys = await host.scan({ start: new Uint8Array(0), end: new Uint8Array([2]), limit: 5, keysOnly: true });
	assert(keys.keys.length === 1, "its key is known");
	shows = true;
	assert((await host.get([key]))[0]?.length === value.length, "and then it is there");
}
