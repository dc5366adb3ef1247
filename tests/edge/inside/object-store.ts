// One store per object, open as long as the object is.

import { isStreamkitError, openStore, type Store } from "streamkit";
import { durableObjectHost } from "streamkit/cloudflare";
import { assert } from "./assert.js";
import type { Env, State } from "./platform.js";

const open = new WeakMap<State, Promise<Store>>();

function storeOf(state: State): Promise<Store> {
	let store = open.get(state);
	if (store === undefined) {
		store = openStore(durableObjectHost(state.storage));
		open.set(state, store);
	}
	return store;
}

/** What a request asks to append. */
export interface Append {
	readonly segment: string;
	readonly payloads: readonly string[];
	readonly durability?: "strict" | "relaxed";
}

/** Appends, and answers with the last sequence. */
export async function append(state: State, _: Env, input: unknown): Promise<number> {
	const { segment, payloads, durability } = input as Append;
	const store = await storeOf(state);
	const records = payloads.map((payload) => ({ payload }));
	const { lastSequence } = await store.produce("space", segment, records, { durability });
	return lastSequence;
}

/** Everything in the space, as [segment, sequence, id, payload], and what verify() finds. */
export interface Everything {
	readonly entries: readonly (readonly [string, number, string, string])[];
	readonly problems: readonly unknown[];
}

export async function everything(state: State): Promise<Everything> {
	const store = await storeOf(state);
	const entries = await store.consumeSpace({ space: "space" }).toArray();
	const { problems } = await store.verify();
	return { entries: entries.map((entry) => [entry.segment, entry.sequence, entry.id, entry.text()]), problems };
}

/** Two stores of one object on the same rows: each sees what the other does at once, and neither refuses wrongly. */
export async function instances(state: State): Promise<void> {
	// So long a poll that only what the hosts tell each other can wake a reader.
	const options = { pollInterval: 2 ** 30 };
	const one = await openStore(durableObjectHost(state.storage, { name: "two" }), options);
	const two = await openStore(durableObjectHost(state.storage, { name: "two" }), options);
	assert(one.id === two.id, "two instances are one store");
	const followed = two.consumeSpace({ space: "s", follow: true, limit: 3 }).toArray();
	await one.publish("s", "a", "1");
	await two.publish("s", "a", "2", { expectedSequence: 1 });
	// `one` knows only of the first: what it expects is right all the same.
	await one.publish("s", "a", "3", { expectedSequence: 2 });
	assert((await followed).map((entry) => entry.text()).join() === "1,2,3", "the follower got all of it");
	try {
		await two.publish("s", "a", "4", { expectedSequence: 2 });
		throw new Error("a wrong sequence was taken");
	} catch (error) {
		assert(isStreamkitError(error, "SEQUENCE_MISMATCH"), String(error));
		assert(error.details["actual"] === 4, `the next is 4, not ${error.details["actual"]}`);
	}
	const both = await Promise.all([one, two, one, two, one, two].map((store, i) => store.publish("s", "b", `${i}`)));
	const sequences = both.map(({ lastSequence }) => lastSequence).sort();
	assert(sequences.join() === "1,2,3,4,5,6", `sequences ${sequences.join()}`);
	const other = await openStore(durableObjectHost(state.storage, { name: "another" }));
	assert(other.id !== one.id, "another name is another store");
	assert((await other.consumeSpace({ space: "s" }).toArray()).length === 0, "which holds nothing of the first");
	const { problems } = await one.verify();
	assert(problems.length === 0, JSON.stringify(problems));
	for (const store of [one, two, other]) await store.close();
}

/** Runs what must fail because the storage was emptied. */
async function refused(what: string, run: () => Promise<unknown>): Promise<void> {
	try {
		await run();
	} catch (error) {
		assert(isStreamkitError(error, "UNAVAILABLE") && !error.retryable, `${what}: ${error}`);
		assert(/emptied/.test(error.message), `${what}: ${error.message}`);
		return;
	}
	throw new Error(`${what} went on in an emptied storage`);
}

/** After deleteAll() whoever was open is over, and what is opened then is a new store. */
export async function wiped(state: State): Promise<void> {
	const before = await openStore(durableObjectHost(state.storage));
	const beside = await openStore(durableObjectHost(state.storage));
	for (const payload of ["1", "2", "3"]) await before.publish("s", "a", payload);
	const followed = beside.consumeSegment({ space: "s", segment: "a", follow: true, limit: 9 }).toArray();
	followed.catch(() => {});
	await state.storage.deleteAll();
	await refused("an append", () => before.publish("s", "a", "4"));
	await refused("another one", () => before.publish("s", "b", "1"));
	await refused("a read", () => before.consumeSegment({ space: "s", segment: "a" }).toArray());
	await refused("a status", () => before.getSegmentStatus("s", "a"));
	await refused("an append with an expectation", () => beside.publish("s", "a", "1", { expectedSequence: 3 }));
	await refused("a follower", () => followed);

	const after = await openStore(durableObjectHost(state.storage));
	assert(after.id !== before.id, "a new store");
	assert((await after.publish("s", "a", "first")).lastSequence === 1, "which begins at 1");
	await refused("an append beside the new store", () => before.publish("s", "a", "4"));
	await refused("a read beside the new store", () => beside.consumeSpace({ space: "s" }).toArray());
	assert((await after.consumeSpace({ space: "s" }).toArray()).length === 1, "nothing else was written");
	const { persisted, warnings } = await after.health();
	assert(persisted === true && warnings.length === 0, `health: ${JSON.stringify({ persisted, warnings })}`);
	for (const store of [before, beside, after]) await store.close();
}
