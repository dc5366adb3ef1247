import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineSlot } from "../src/engine/slot.js";
import "../src/entry/node.js";
import { checkOpenOptions } from "../src/common/validate.js";
import { memoryHost } from "../src/hosts/memory.js";
import { refuses, rejection, storeIn } from "./support/store.js";

test("a trap rejects what is pending, and the next call opens another instance on the same host", async (t) => {
	const slot = new EngineSlot(memoryHost(), checkOpenOptions({}));
	t.after(() => slot.close());
	const engine = await slot.ready();
	const id = engine.id();
	const waiting = slot.run("wait", (one) => one.wait("", one.epoch(), -1, 1));
	const outcome = refuses("UNAVAILABLE", waiting, /^the engine stopped: /);
	await refuses("UNAVAILABLE", async () => slot.now((one) => one.trap()), /^the engine stopped: .*trap: asked for/s);
	const error = await outcome;
	assert.equal(error.details["applied"], "unknown");
	assert.equal(error.retryable, true);
	assert.equal(slot.engine, undefined);
	await refuses(
		"UNAVAILABLE",
		slot.run("read", (one) => one.health()),
	);
	assert.equal((await slot.call("read", (one) => one.health())).pendingTransactions, 0);
	assert.notEqual(slot.engine, engine);
	assert.equal(
		slot.now((one) => one.id()),
		id,
	);
});

test("closing after a trap is quiet", async () => {
	const slot = new EngineSlot(memoryHost(), checkOpenOptions({}));
	await slot.ready();
	await refuses("UNAVAILABLE", async () => slot.now((one) => one.trap()));
	await slot.close();
	await refuses("CLOSED", slot.ready());
});

test("writes that wait for another instance keep the order of their calls, whatever they need of it", async (t) => {
	const slot = new EngineSlot(memoryHost(), checkOpenOptions({}));
	t.after(() => slot.close());
	await slot.full();
	await refuses("UNAVAILABLE", async () => slot.now((one) => one.trap()));
	const made: number[] = [];
	const order = [true, false, false, true, true, false];
	await Promise.all(order.map((full, i) => slot.inLine(full, () => made.push(i), undefined)));
	assert.deepEqual(made, [0, 1, 2, 3, 4, 5]);
});

test("a signal that fires while a call is made takes the call back", async (t) => {
	const inner = memoryHost();
	let controller = new AbortController();
	const reason = new Error("enough");
	let aborts = false;
	const store = await storeIn(
		t,
		{},
		{
			name: "aborting",
			limits: inner.limits,
			get(keys) {
				if (aborts) controller.abort(reason);
				return inner.get(keys);
			},
			scan: (range) => inner.scan(range),
			commit: (batch) => inner.commit(batch),
		},
	);
	await store.verify();
	aborts = true;
	assert.equal(await rejection(store.streams.append("orders", "x", { signal: controller.signal })), reason);
	controller = new AbortController();
	assert.equal(await rejection(store.streams.info("orders", { signal: controller.signal })), reason);
	aborts = false;
	await refuses("NOT_FOUND", store.streams.info("orders"));
});
