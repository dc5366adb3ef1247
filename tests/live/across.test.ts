// What one instance commits, another hears of: between stores of one process, threads and processes, with the host's
// hints and without.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { directoryHost, openDirectory } from "@streamkit/node";
import { memoryHost, openStore, type Store } from "streamkit";
import {
	closing,
	directory,
	NEVER,
	Notes,
	processWriter,
	publishUntil,
	threadWriter,
	told,
	type Writer,
	withoutHints,
	writerOf,
} from "./support.js";

interface Pair {
	readonly reader: Store;
	readonly writer: Writer;
}

const POLL = 20;

const pairs: Readonly<Record<string, (t: TestContext) => Promise<Pair>>> = {
	async "two stores on one memory host"(t) {
		const host = memoryHost();
		const reader = closing(t, await openStore(host, { pollInterval: NEVER }));
		return { reader, writer: writerOf(closing(t, await openStore(host))) };
	},
	async "two stores on one memory host, by polling"(t) {
		const host = memoryHost();
		const reader = closing(t, await openStore(withoutHints(host), { pollInterval: POLL }));
		return { reader, writer: writerOf(closing(t, await openStore(host))) };
	},
	async "two stores on one directory host"(t) {
		const host = closing(t, await directoryHost(await directory(t)));
		const reader = closing(t, await openStore(host, { pollInterval: NEVER }));
		return { reader, writer: writerOf(closing(t, await openStore(host))) };
	},
	async "two directory stores of one process"(t) {
		const path = await directory(t);
		const reader = closing(t, await openDirectory(path, { pollInterval: NEVER }));
		return { reader, writer: writerOf(closing(t, await openDirectory(path))) };
	},
	async "a thread and a directory"(t) {
		const path = await directory(t);
		const reader = closing(t, await openDirectory(path, { pollInterval: NEVER }));
		return { reader, writer: await threadWriter(t, path) };
	},
	async "a thread and a directory, by polling"(t) {
		const path = await directory(t);
		const host = closing(t, await directoryHost(path));
		const reader = closing(t, await openStore(withoutHints(host), { pollInterval: POLL }));
		return { reader, writer: await threadWriter(t, path) };
	},
	async "a process and a directory"(t) {
		const path = await directory(t);
		const reader = closing(t, await openDirectory(path, { pollInterval: NEVER }));
		return { reader, writer: await processWriter(t, path) };
	},
	async "a process and a directory, by polling"(t) {
		const path = await directory(t);
		const host = closing(t, await directoryHost(path));
		const reader = closing(t, await openStore(withoutHints(host), { pollInterval: POLL }));
		return { reader, writer: await processWriter(t, path) };
	},
};

for (const [name, make] of Object.entries(pairs)) {
	test(`${name}: a subscription to a segment`, async (t) => {
		const { reader, writer } = await make(t);
		await writer.publish("s", "a", "1");
		await writer.publish("s", "other", "1");
		const notes = new Notes<string>();
		await reader.subscribeToSegment("s", "a", (status) => notes.note(told(status)));
		await notes.until((all) => all.length > 0);
		assert.deepEqual(notes.all, ["a=1"]);
		await publishUntil(
			writer,
			"s",
			"a",
			notes.until((all) => all.length > 1),
		);
		await writer.publish("s", "other", "2");
		const last = `a=${await writer.publish("s", "a", "last")}`;
		await publishUntil(
			writer,
			"t",
			"a",
			notes.until((all) => all.includes(last)),
		);
		assert.equal(notes.last, last);
		assert.equal(new Set(notes.all).size, notes.all.length, `nothing twice: ${notes.all.join(" ")}`);
	});

	test(`${name}: a subscription to a space`, async (t) => {
		const { reader, writer } = await make(t);
		for (const segment of ["a", "b", "c"]) await writer.publish("s", segment, "1");
		await writer.publish("t", "x", "1");
		const notes = new Notes<string>();
		const subscription = await reader.subscribeToSpace("s", (status) => notes.note(told(status)));
		await notes.until((all) => all.length === 3);
		assert.deepEqual([...notes.all].sort(), ["a=1", "b=1", "c=1"]);
		await writer.publish("s", "new", "1");
		await writer.publish("s", "b", "2");
		await publishUntil(
			writer,
			"s",
			"a",
			notes.until((all) => all.includes("new=1") && all.includes("b=2") && all.includes("a=2")),
		);
		assert.ok(notes.all.every((one) => /^(a|b|c|new)=/.test(one)));
		assert.equal(new Set(notes.all).size, notes.all.length, `nothing twice: ${notes.all.join(" ")}`);
		subscription.unsubscribe();
		await subscription.closed;
	});

	test(`${name}: readers that follow a segment, a space and several spaces`, async (t) => {
		const { reader, writer } = await make(t);
		await writer.publish("s", "a", "1");
		const [segment, space, merged] = [new Notes<string>(), new Notes<string>(), new Notes<string>()];
		const stop = new AbortController();
		const readings = [
			[reader.consumeSegment({ space: "s", segment: "a", follow: true, signal: stop.signal }), segment],
			[reader.consumeSpace({ space: "s", follow: true, signal: stop.signal }), space],
			[reader.consume({ offsets: { s: "", t: "" }, follow: true, signal: stop.signal }), merged],
		] as const;
		const reading = readings.map(async ([stream, notes]) => {
			for await (const entry of stream) notes.note(`${entry.space}/${entry.segment}/${entry.sequence}`);
		});
		for (const notes of [segment, space, merged]) await notes.until((all) => all.includes("s/a/1"));
		await writer.publish("s", "b", "1");
		const last = await writer.publish("s", "a", "2");
		assert.equal(last, 2);
		const done = (all: readonly string[]): boolean => all.includes("s/a/2");
		await publishUntil(
			writer,
			"t",
			"b",
			Promise.all([segment, space, merged].map((notes) => notes.until(done))).then(),
		);
		assert.deepEqual(segment.all, ["s/a/1", "s/a/2"]);
		assert.deepEqual(space.all, ["s/a/1", "s/b/1", "s/a/2"]);
		const spaces = merged.all.filter((one) => one.startsWith("s/"));
		assert.deepEqual(spaces, ["s/a/1", "s/b/1", "s/a/2"]);
		stop.abort("enough");
		for (const outcome of await Promise.allSettled(reading)) {
			assert.equal(outcome.status, "rejected");
			assert.equal((outcome as PromiseRejectedResult).reason, "enough");
		}
	});
}
