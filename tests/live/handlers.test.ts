import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryHost, openStore, type SegmentStatus } from "streamkit";
import { closing, NEVER, Notes, told } from "./support.js";

test("a handler never runs beside itself, and a slow one gets the latest status only", async (t) => {
	const host = memoryHost();
	const reader = closing(t, await openStore(host, { pollInterval: NEVER }));
	const writer = closing(t, await openStore(host));
	const started = new Notes<string>();
	let running = 0;
	let finish = (): void => {};
	await reader.subscribeToSpace("s", async (status) => {
		assert.equal(++running, 1);
		started.note(told(status));
		await new Promise<void>((resolve) => {
			finish = resolve;
		});
		running--;
	});
	await writer.publish("s", "a", "1");
	await started.until((all) => all.length === 1);
	// While the handler is busy with the first status, much happens.
	for (let i = 2; i <= 20; i++) await writer.publish("s", "a", String(i));
	for (let i = 1; i <= 5; i++) await writer.publish("s", "b", String(i));
	// Until the reader itself has seen all of it.
	const seen = new Notes<string>();
	await reader.subscribeToSegment("s", "b", (status) => seen.note(told(status)));
	await seen.until((all) => all.includes("b=5"));
	finish();
	await started.until((all) => all.length === 2);
	finish();
	await started.until((all) => all.length === 3);
	finish();
	assert.deepEqual(started.all, ["a=1", "a=20", "b=5"]);
});

test("a handler that throws or rejects goes to onError, and the next change comes", async (t) => {
	const store = closing(t, await openStore(memoryHost()));
	const seen = new Notes<string>();
	const errors = new Notes<unknown>();
	const subscription = await store.subscribeToSegment(
		"s",
		"a",
		(status) => {
			seen.note(told(status));
			if (status.lastSequence === 1) throw new Error("thrown");
			return status.lastSequence === 2 ? Promise.reject(new Error("rejected")) : undefined;
		},
		{ onError: errors.note },
	);
	for (const last of [1, 2, 3]) {
		await store.publish("s", "a", "x");
		await seen.until((all) => all.includes(`a=${last}`));
	}
	await errors.until((all) => all.length === 2);
	assert.deepEqual(
		errors.all.map((error) => (error as Error).message),
		["thrown", "rejected"],
	);
	assert.equal(subscription.status, "active");
});

test("an onError that throws does no harm", async (t) => {
	const store = closing(t, await openStore(memoryHost()));
	const seen = new Notes<string>();
	await store.subscribeToSegment(
		"s",
		"a",
		(status) => {
			seen.note(told(status));
			throw new Error("handler");
		},
		{
			onError() {
				throw new Error("onError");
			},
		},
	);
	for (const last of [1, 2]) {
		await store.publish("s", "a", "x");
		await seen.until((all) => all.includes(`a=${last}`));
	}
});

test("a heartbeat repeats the last status until there is a change", async (t) => {
	const host = memoryHost();
	const reader = closing(t, await openStore(host, { pollInterval: NEVER }));
	const writer = closing(t, await openStore(host));
	await writer.publish("s", "a", "1");
	const seen = new Notes<SegmentStatus>();
	const subscription = await reader.subscribeToSpace("s", seen.note, { heartbeat: 5 });
	await seen.until((all) => all.length >= 4);
	const [first, ...beats] = seen.all;
	assert.equal(first?.heartbeat, undefined);
	for (const beat of beats) assert.deepEqual(beat, { ...first, heartbeat: true });
	await writer.publish("s", "b", "1");
	await seen.until((all) => all.some((status) => status.segment === "b" && status.heartbeat === true));
	assert.equal(seen.all.filter((status) => status.segment === "b" && status.heartbeat === undefined).length, 1);
	subscription.unsubscribe();
	const count = seen.all.length;
	// A heartbeat of another subscription comes later than the next one of this would.
	const other = new Notes<SegmentStatus>();
	const later = await reader.subscribeToSegment("s", "a", other.note, { heartbeat: 50 });
	await other.until((all) => all.length >= 2);
	later.unsubscribe();
	assert.equal(seen.all.length, count);
});

test("an empty segment has no heartbeat and no status until it is written", async (t) => {
	const store = closing(t, await openStore(memoryHost()));
	const seen = new Notes<string>();
	await store.subscribeToSegment("s", "a", (status) => seen.note(told(status)), { heartbeat: 1 });
	const other = new Notes<string>();
	await store.publish("s", "b", "1");
	await store.subscribeToSegment("s", "b", (status) => other.note(told(status)), { heartbeat: 10 });
	await other.until((all) => all.length >= 3);
	assert.deepEqual(seen.all, []);
	await store.publish("s", "a", "1");
	await seen.until((all) => all.length >= 1);
	assert.equal(seen.all[0], "a=1");
});

test("no call is started after unsubscribing, though one is running", async (t) => {
	const store = closing(t, await openStore(memoryHost()));
	const seen = new Notes<string>();
	let finish = (): void => {};
	const subscription = await store.subscribeToSpace("s", async (status) => {
		seen.note(told(status));
		await new Promise<void>((resolve) => {
			finish = resolve;
		});
	});
	await store.publish("s", "a", "1");
	await seen.until((all) => all.length === 1);
	await store.publish("s", "b", "1");
	subscription.unsubscribe();
	await subscription.closed;
	finish();
	await store.publish("s", "c", "1");
	const other = new Notes<string>();
	await store.subscribeToSpace("s", (status) => other.note(told(status)));
	await other.until((all) => all.length === 3);
	assert.deepEqual(seen.all, ["a=1"]);
	assert.equal(subscription.status, "closed");
});
