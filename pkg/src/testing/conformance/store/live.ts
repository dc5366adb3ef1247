import type { SegmentStatus } from "../../../types.js";
import { equal } from "../assert.js";
import { type Case, needsChecks, needsConsistency, needsSecond } from "../case.js";
import { lines, numbered } from "./entries.js";

const WAIT_MS = 20_000;

/** Statuses as a subscription hands them out, and a wait for the one that is looked for. */
class Told {
	readonly seen: string[] = [];
	#changed: () => void = () => {};

	readonly handler = ({ segment, lastSequence }: SegmentStatus): void => {
		this.seen.push(`${segment}=${lastSequence}`);
		this.#changed();
	};

	async until(status: string): Promise<void> {
		const end = performance.now() + WAIT_MS;
		while (!this.seen.includes(status)) {
			const left = end - performance.now();
			if (left <= 0) throw new Error(`the status ${status} is never told; there were ${this.seen.join(" ")}`);
			let timer: ReturnType<typeof setTimeout> | undefined;
			await new Promise<void>((resolve) => {
				this.#changed = resolve;
				timer = setTimeout(resolve, left);
			});
			clearTimeout(timer);
		}
	}
}

export const liveCases: readonly Case[] = [
	{
		name: "a subscription tells what is there, then what changes",
		async run(setting) {
			const store = await setting.store();
			await store.produce("s", "a", numbered(2));
			const [segment, space] = [new Told(), new Told()];
			const subscriptions = [
				await store.subscribeToSegment("s", "a", segment.handler),
				await store.subscribeToSpace("s", space.handler),
			];
			await segment.until("a=2");
			await space.until("a=2");
			await store.publish("s", "b", "1");
			await space.until("b=1");
			await store.publish("s", "a", "3");
			await segment.until("a=3");
			await space.until("a=3");
			equal(segment.seen, ["a=2", "a=3"], "told of the segment");
			equal(space.seen, ["a=2", "b=1", "a=3"], "told of the space");
			for (const subscription of subscriptions) {
				subscription.unsubscribe();
				await subscription.closed;
				equal(subscription.status, "closed", "status");
			}
		},
	},
	{
		name: "a subscription is told of another instance's writes",
		needs: [needsSecond, needsChecks, needsConsistency],
		async run(setting) {
			const [writer, reader] = [await setting.store(), await setting.store({}, await setting.second())];
			await writer.publish("s", "a", "1");
			const told = new Told();
			const subscription = await reader.subscribeToSpace("s", told.handler);
			await told.until("a=1");
			await writer.publish("s", "b", "1");
			await told.until("b=1");
			subscription.unsubscribe();
		},
	},
	{
		name: "a reader that follows gets what is committed later",
		async run(setting) {
			const store = await setting.store();
			await store.publish("s", "a", "1");
			const seen: string[] = [];
			for await (const entry of store.consumeSpace({ space: "s", follow: true, limit: 3 })) {
				seen.push(...lines([entry]));
				if (seen.length < 3) await store.publish("s", "b", String(seen.length));
			}
			equal(seen, ["a/1=1", "b/1=1", "b/2=2"], "entries");
		},
	},
];
