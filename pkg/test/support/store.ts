import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import {
	type Entry,
	type ErrorCode,
	type HostKv,
	isStreamkitError,
	memoryHost,
	type OpenOptions,
	openStore,
	type RecordInput,
	type Store,
	type StreamkitError,
} from "../../src/entry/node.js";
import { withResolvers } from "./with-resolvers.js";

/** A store in memory that is closed when the test ends. */
export async function storeIn(t: TestContext, options?: OpenOptions, host: HostKv = memoryHost()): Promise<Store> {
	const store = await openStore(host, options);
	t.after(() => store.close());
	return store;
}

/** That the promise rejects with that code; the error. */
export async function refuses(
	code: ErrorCode,
	run: Promise<unknown> | (() => Promise<unknown>),
	message?: RegExp,
): Promise<StreamkitError> {
	let thrown: unknown;
	try {
		await (typeof run === "function" ? run() : run);
	} catch (error) {
		thrown = error;
	}
	assert.ok(thrown !== undefined, `expected ${code}, but nothing was thrown`);
	assert.ok(isStreamkitError(thrown, code), `expected ${code}, got ${String(thrown)}`);
	if (message !== undefined) assert.match(thrown.message, message);
	return thrown;
}

/** What the promise rejects with, whatever it is. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
	try {
		await promise;
	} catch (error) {
		return error;
	}
	throw new Error("the promise was expected to reject");
}

/** Records with payloads "from", "from + 1" and so on. */
export function numbered(count: number, from = 1): RecordInput[] {
	return Array.from({ length: count }, (_, i) => ({ payload: String(from + i) }));
}

/** "segment/sequence=payload" of every entry. */
export function lines(entries: Iterable<Entry>): string[] {
	return [...entries].map((entry) => `${entry.segment}/${entry.sequence}=${entry.text()}`);
}

/** Everything an iterable gives. */
export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
	const all: T[] = [];
	for await (const one of source) all.push(one);
	return all;
}

/** Waits until the condition holds. */
export async function until(condition: () => boolean, ms = 60_000): Promise<void> {
	const end = performance.now() + ms;
	while (!condition()) {
		if (performance.now() > end) throw new Error("waited in vain");
		await new Promise((resolve) => setTimeout(resolve, 2));
	}
}

/** A host whose commits wait until they are let through. */
export function gated(inner: HostKv): HostKv & { shut(): void; open(): void; readonly waiting: number } {
	let gate: Promise<void> | undefined;
	let lift = (): void => {};
	let waiting = 0;
	const host: HostKv & { shut(): void; open(): void; readonly waiting: number } = {
		name: "gated",
		limits: inner.limits,
		get: (keys) => inner.get(keys),
		scan: (range) => inner.scan(range),
		async commit(batch) {
			waiting++;
			await gate;
			waiting--;
			return inner.commit(batch);
		},
		shut() {
			({ promise: gate, resolve: lift } = withResolvers());
		},
		open() {
			gate = undefined;
			lift();
		},
		get waiting() {
			return waiting;
		},
	};
	if (inner.watch !== undefined) host.watch = (changed) => inner.watch?.(changed) ?? (() => {});
	host.notify = () => inner.notify?.();
	return host;
}
