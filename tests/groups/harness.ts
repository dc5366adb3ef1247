import type { Delivery, Group, Pending, Store } from "streamkit";
import { manualClock } from "streamkit/testing";
import { type StoreFactory, withStore } from "../streams/harness.js";

/** The texts of deliveries. */
export function texts(deliveries: readonly Delivery[]): string[] {
	return deliveries.map(({ entry }) => entry.text());
}

/** The ids of deliveries. */
export function ids(deliveries: readonly Delivery[]): string[] {
	return deliveries.map(({ entry }) => entry.id);
}

/** How often each was delivered. */
export function counts(deliveries: readonly Delivery[]): number[] {
	return deliveries.map(({ deliveryCount }) => deliveryCount);
}

/** Ids and consumers of a listing. */
export function held(pending: readonly Pending[]): [id: string, consumer: string][] {
	return pending.map(({ id, consumer }) => [id, consumer]);
}

/** A store whose clock stands still until a case moves it. */
export interface Scene {
	readonly store: Store;
	readonly group: Group;
	readonly clock: ReturnType<typeof manualClock>;
}

/** Where the clocks of cases begin. */
export const EPOCH = 1_700_000_000_000;

/** Opens a store with the stream "s" and its group "g". */
export async function withGroup(factory: StoreFactory, run: (scene: Scene) => Promise<void>): Promise<void> {
	const clock = manualClock(EPOCH);
	await withStore(factory.open({ clock }), (store) => run({ store, group: store.streams.group("s", "g"), clock }));
}

/** Reads with a limit and gives the texts. */
export async function take(group: Group, consumer: string, limit = 10): Promise<string[]> {
	return texts(await group.read(consumer, { limit }));
}
