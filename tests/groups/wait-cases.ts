import type { Delivery } from "streamkit";
import { ok, refused, rejection, same } from "../streams/assert.js";
import { type Case, isPending, numbers, withStore } from "../streams/harness.js";
import { ids, take, texts, withGroup } from "./harness.js";

/** Reads that wait. */
export function waitCases(test: Case): void {
	test("block: what is there is given at once, nothing in time is an empty answer", (factory) =>
		withStore(factory.open(), async ({ streams }) => {
			const group = streams.group("s", "g");
			same(await group.read("a", { block: 20 }), []);
			await streams.append("s", numbers(2));
			same(texts(await group.read("a", { block: 60_000 })), numbers(2));
			same(await group.read("a", { block: 20 }), []);
		}));

	test("block: an append ends it", (factory) =>
		withStore(factory.open(), async (store) => {
			const group = store.streams.group("s", "g");
			const waiting = group.read("a", { block: 0 });
			ok(await isPending(waiting, store), "it waits");
			await store.streams.append("other", "x");
			ok(await isPending(waiting, store), "for its own stream");
			await store.streams.append("s", "x");
			same(texts(await waiting), ["x"]);
		}));

	test("block: a nack, a leave and a deadline end it", (factory) =>
		// Nobody looks by itself before a case would have failed.
		withStore(factory.open({ pollInterval: 1_000_000 }), async (store) => {
			const group = store.streams.group("s", "g");
			await group.create({ ackTimeout: 1_000_000, consumerTimeout: 10_000_000 });
			await store.streams.append("s", ["1", "2"]);
			const [first] = ids(await group.read("a", { limit: 1 })) as [string];
			await group.read("b", { limit: 1 });
			let waiting = group.read("c", { block: 0 });
			ok(await isPending(waiting, store), "nothing is due");
			await group.nack("a", [first]);
			same(texts(await waiting), ["1"]);
			waiting = group.read("a", { block: 0 });
			ok(await isPending(waiting, store), "nothing is due");
			await group.leave("b");
			same(texts(await waiting), ["2"]);
			waiting = group.read("b", { block: 0 });
			ok(await isPending(waiting, store), "nothing is due");
			same(await group.touch("c", [first], { extend: 30 }), 1);
			same(texts(await waiting), ["1"]);
		}));

	test("block: a standby waits it out, unless it is promoted", (factory) =>
		withStore(factory.open(), async (store) => {
			const group = store.streams.group("s", "g");
			await group.create({ mode: "exclusive" });
			await store.streams.append("s", numbers(2));
			await group.join("a");
			same(await group.read("b", { block: 20 }), []);
			const waiting = group.read("b", { block: 0 });
			ok(await isPending(waiting, store), "a holds it");
			await group.leave("a");
			same(texts(await waiting), numbers(2));
		}));

	test("block: deleting the group, or its stream, ends it with NOT_FOUND, and makes no other in its place", (factory) =>
		withStore(factory.open(), async (store) => {
			const { streams } = store;
			const group = streams.group("s", "g");
			for (const remove of [() => group.delete(), () => streams.delete("s", { force: true })]) {
				await group.create({ mode: "exclusive", start: "$" });
				await streams.append("s", numbers(2));
				await group.ack("a", ids(await group.read("a")));
				const waiting = refused("NOT_FOUND", group.read("a", { block: 0 }), /^group: /);
				ok(await isPending(waiting, store), "it waits");
				await remove();
				await waiting;
				await refused("NOT_FOUND", group.info());
			}
		}));

	test("block: several consumers wait, and each record goes to one", (factory) =>
		withStore(factory.open(), async ({ streams }) => {
			const group = streams.group("s", "g");
			await group.create();
			const waiting = ["a", "b", "c"].map((consumer) => group.read(consumer, { block: 0, limit: 1 }));
			await streams.append("s", numbers(3));
			const got = (await Promise.all(waiting)).flatMap((deliveries: Delivery[]) => texts(deliveries));
			same(got.sort(), numbers(3));
		}));

	test("a signal ends a wait with its reason, and nothing is delivered", (factory) =>
		withStore(factory.open(), async (store) => {
			const group = store.streams.group("s", "g");
			await group.create();
			const controller = new AbortController();
			const waiting = group.read("a", { block: 0, signal: controller.signal });
			ok(await isPending(waiting, store), "it waits");
			const reason = new Error("enough");
			controller.abort(reason);
			ok((await rejection(waiting)) === reason, "it rejects with the reason");
			await store.streams.append("s", "x");
			same((await group.info()).pending, 0);
			ok((await rejection(group.read("a", { signal: AbortSignal.abort(reason) }))) === reason, "at once");
			ok((await rejection(group.ack("a", ["1-0"], { signal: AbortSignal.abort(reason) }))) === reason, "any call");
			same(await take(group, "a"), ["x"]);
		}));

	test("closing the store ends a wait with CLOSED", (factory) =>
		withGroup(factory, async ({ group, store }) => {
			const waiting = group.read("a", { block: 0 });
			const refusal = refused("CLOSED", waiting);
			ok(await isPending(waiting, store), "it waits");
			await store.close();
			await refusal;
			await refused("CLOSED", group.read("a"));
			await refused("CLOSED", group.info());
		}));
}
