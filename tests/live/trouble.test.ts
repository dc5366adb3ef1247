import assert from "node:assert/strict";
import { test } from "node:test";
import { type HostKv, isStreamkitError, memoryHost, openStore, StreamkitError } from "streamkit";
import { faultyHost } from "streamkit/testing";
import { closing, NEVER, Notes, told, withoutHints } from "./support.js";

/** A host that fails all calls while it is down. */
function failing(inner: HostKv): HostKv & { down: boolean } {
	const unlessDown = <T>(call: () => T): T => {
		if (host.down) throw new StreamkitError("UNAVAILABLE", "the host is down", { details: { applied: false } });
		return call();
	};
	const host: HostKv & { down: boolean } = {
		down: false,
		name: `failing ${inner.name}`,
		limits: inner.limits,
		get: (keys) => unlessDown(() => inner.get(keys)),
		scan: (range) => unlessDown(() => inner.scan(range)),
		commit: (batch) => unlessDown(() => inner.commit(batch)),
		watch: (changed) => inner.watch?.(changed) ?? (() => {}),
		notify: () => inner.notify?.(),
	};
	return host;
}

test("after the host failed for a while, a subscription tells everything again, then what changes", async (t) => {
	const data = memoryHost();
	const host = failing(data);
	const reader = closing(t, await openStore(host, { pollInterval: 5 }));
	const writer = closing(t, await openStore(data));
	for (const segment of ["a", "b"]) await writer.publish("s", segment, "1");
	const notes = new Notes<string>();
	const errors = new Notes<unknown>();
	const subscription = await reader.subscribeToSpace("s", (status) => notes.note(told(status)), {
		onError: errors.note,
	});
	await notes.until((all) => all.length === 2);
	host.down = true;
	await writer.publish("s", "a", "2");
	await errors.until((all) => all.length >= 3);
	assert.equal(subscription.status, "active");
	assert.equal(notes.all.length, 2);
	host.down = false;
	await notes.until((all) => all.length === 4);
	assert.deepEqual([...notes.all.slice(2)].sort(), ["a=2", "b=1"]);
	await writer.publish("s", "b", "2");
	await notes.until((all) => all.includes("b=2"));
	assert.equal(notes.all.length, 5);
	for (const error of errors.all) assert.ok(isStreamkitError(error, "UNAVAILABLE"));
});

test("a subscription comes back by itself, though nothing is written after the trouble", async (t) => {
	const data = memoryHost({ limits: { shared: false } });
	const host = failing(data);
	// Commits get through: only looking fails.
	const store = closing(t, await openStore({ ...host, commit: (batch) => data.commit(batch) }, { pollInterval: 5 }));
	await store.publish("s", "a", "1");
	const notes = new Notes<string>();
	const errors = new Notes<unknown>();
	await store.subscribeToSpace("s", (status) => notes.note(told(status)), { onError: errors.note });
	await notes.until((all) => all.length === 1);
	host.down = true;
	await store.publish("s", "a", "2");
	await errors.until((all) => all.length >= 2);
	host.down = false;
	await notes.until((all) => all.length === 2);
	assert.deepEqual(notes.all, ["a=1", "a=2"]);
});

test("a reader that follows rejects when the host fails, and goes on exactly from its offset", async (t) => {
	const data = memoryHost();
	const host = failing(data);
	const reader = closing(t, await openStore(host, { pollInterval: NEVER }));
	const writer = closing(t, await openStore(data));
	await writer.publish("s", "a", "1");
	const notes = new Notes<string>();
	let offset = "";
	const follow = async (): Promise<void> => {
		for await (const entry of reader.consumeSpace({ space: "s", offset, follow: true, limit: 3 - notes.all.length })) {
			offset = entry.spaceOffset().toHex();
			notes.note(entry.text());
		}
	};
	const first = follow();
	await notes.until((all) => all.length === 1);
	host.down = true;
	await writer.publish("s", "a", "2");
	await assert.rejects(first, { code: "UNAVAILABLE" });
	host.down = false;
	await writer.publish("s", "b", "3");
	await follow();
	assert.deepEqual(notes.all, ["1", "2", "3"]);
});

for (const seed of [1, 2, 3]) {
	test(`a subscription on a host that fails now and then ends with the latest statuses (seed ${seed})`, async (t) => {
		const data = memoryHost();
		const writer = closing(t, await openStore(data));
		for (const segment of ["a", "b", "c"]) await writer.publish("s", segment, "0");
		const plain = closing(t, await openStore(data));
		const host = faultyHost(withoutHints(data), { seed, failRate: 0.3 });
		const opened = await openUntilDone(host);
		const reader = closing(t, opened);
		const latest = new Map<string, number>();
		const notes = new Notes<string>();
		const errors: unknown[] = [];
		for (;;) {
			try {
				await reader.subscribeToSpace(
					"s",
					(status) => {
						assert.ok(status.lastSequence >= (latest.get(status.segment) ?? 0), "statuses do not go back");
						latest.set(status.segment, status.lastSequence);
						notes.note(told(status));
					},
					{ onError: (error) => errors.push(error) },
				);
				break;
			} catch (error) {
				assert.ok(isStreamkitError(error, "UNAVAILABLE"));
			}
		}
		for (let i = 0; i < 30; i++) await writer.publish("s", ["a", "b", "c"][i % 3] as string, String(i));
		await notes.until(() => [...latest.values()].every((last) => last === 11) && latest.size === 3);
		assert.ok(host.log.some((line) => line.includes("failed")));
		for (const error of errors) assert.ok(isStreamkitError(error, "UNAVAILABLE"), String(error));
		assert.equal((await plain.getSegmentStatus("s", "a"))?.lastSequence, 11);
	});
}

async function openUntilDone(host: HostKv): ReturnType<typeof openStore> {
	for (;;) {
		try {
			return await openStore(host, { pollInterval: 5 });
		} catch (error) {
			assert.ok(isStreamkitError(error, "UNAVAILABLE"));
		}
	}
}

test("a subscription that cannot start rejects, and one whose store closes is closed", async (t) => {
	const host = failing(memoryHost());
	const store = closing(t, await openStore(host));
	host.down = true;
	await assert.rejects(
		store.subscribeToSpace("s", () => {}),
		{ code: "UNAVAILABLE" },
	);
	host.down = false;
	const subscription = await store.subscribeToSpace("s", () => {});
	await store.close();
	await subscription.closed;
	assert.equal(subscription.status, "closed");
});
