import assert from "node:assert/strict";
import { test } from "node:test";
import { type HostKv, memoryHost, openStore } from "../src/entry/node.js";
import { lines, refuses, storeIn } from "./support/store.js";

/** A host in memory with some calls replaced. */
function hostWith(calls: Record<string, unknown>): HostKv {
	const inner = memoryHost();
	return {
		name: "odd",
		limits: inner.limits,
		get: (keys) => inner.get(keys),
		scan: (range) => inner.scan(range),
		commit: (batch) => inner.commit(batch),
		...calls,
	};
}

test("what merely has a then is waited for as a promise is", async (t) => {
	const inner = memoryHost();
	let answer: unknown;
	const host = hostWith({
		get: (keys: never) => inner.get(keys),
		scan: (range: never) => inner.scan(range),
		commit: (batch: never) => answer ?? inner.commit(batch),
	});
	const store = await storeIn(t, { hostTimeout: 50, autoCompact: false }, host);
	await store.publish("s", "g", "1");
	// biome-ignore lint/suspicious/noThenProperty: that is what it is about.
	answer = { then() {} };
	await refuses("UNAVAILABLE", store.publish("s", "g", "never"), /took longer than 50 ms/);
	// biome-ignore lint/suspicious/noThenProperty: that is what it is about.
	answer = { then: (_: unknown, reject: (error: Error) => void) => reject(new Error("disk on fire")) };
	await refuses("UNAVAILABLE", store.publish("s", "g", "failed"), /disk on fire/);
	const refusal = { applied: false, check: 0, current: undefined };
	// biome-ignore lint/suspicious/noThenProperty: that is what it is about.
	answer = { then: (resolve: (value: unknown) => void) => resolve(refusal) };
	await assert.rejects(store.publish("s", "g", "refused"));
	answer = undefined;
	assert.deepEqual(lines(await store.consumeSpace({ space: "s" }).toArray()), ["g/1=1"]);
});

test("hints that fail later do not end the process", async () => {
	const unhandled: unknown[] = [];
	const note = (error: unknown): void => void unhandled.push(error);
	process.on("unhandledRejection", note);
	const fails = async (): Promise<never> => {
		throw new Error("later");
	};
	// A thenable that fails counts as much.
	// biome-ignore lint/suspicious/noThenProperty: that is what it is about.
	const thenable = () => ({ then: (_: unknown, reject: (error: Error) => void) => reject(new Error("later")) });
	for (const calls of [
		{ notify: fails },
		{ notify: thenable },
		{ watch: fails },
		{ watch: () => fails },
		{ watch: () => thenable },
	]) {
		const store = await openStore(hostWith(calls));
		await store.publish("s", "g", "x");
		await store.close();
	}
	await new Promise((resolve) => setTimeout(resolve, 10));
	process.off("unhandledRejection", note);
	assert.deepEqual(unhandled, []);
});

test("a host that goes on with ever longer keys is refused", async (t) => {
	let armed = false;
	let calls = 0;
	const inner = memoryHost({ limits: { maxKeyBytes: 600 } });
	const host = hostWith({
		limits: inner.limits,
		get: (keys: never) => inner.get(keys),
		commit: (batch: never) => inner.commit(batch),
		scan(range: Parameters<HostKv["scan"]>[0]) {
			if (!armed) return inner.scan(range);
			if (++calls > 20_000) throw new Error("the host is asked without end");
			return { keys: [range.start], values: range.keysOnly ? [] : [new Uint8Array(5).fill(9)], more: false };
		},
	});
	const store = await storeIn(t, { retentionInterval: 0, autoCompact: false }, host);
	for (let i = 0; i < 4; i++) await store.streams.append("st", `r${i}`);
	await store.streams.group("st", "g").read("c", { limit: 2 });
	armed = true;
	await refuses("UNAVAILABLE", store.verify(), /scan answered wrongly: key 0 is longer than limits.maxKeyBytes/);
	calls = 0;
	// What is left over is removed another time.
	await store.streams.delete("st", { force: true });
	assert.ok(calls > 0 && calls < 20_000);
	armed = false;
});
