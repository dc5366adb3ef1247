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

/** After deleteAll() the object is empty, and the hosts that were open go on. */
export async function wiped(state: State): Promise<void> {
	const host = durableObjectHost(state.storage);
	const before = await openStore(host);
	await before.publish("s", "a", "gone");
	await before.close();
	await state.storage.deleteAll();
	const after = await openStore(host);
	assert(after.id !== before.id, "a new store");
	assert((await after.publish("s", "a", "first")).lastSequence === 1, "which begins at 1");
	const { persisted, warnings } = await after.health();
	assert(persisted === true && warnings.length === 0, `health: ${JSON.stringify({ persisted, warnings })}`);
	await after.close();
}
