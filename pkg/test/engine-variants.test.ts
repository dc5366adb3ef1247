import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { type EngineModule, registerEngine, type Variant } from "../src/engine/loader.js";
import { registerWasm } from "../src/engine/register.js";
import { createGlue } from "../src/generated/glue.js";
import { createGlue as createLightGlue } from "../src/generated/light/glue.js";
import { type Entry, isStreamkitError, type Lease, memoryHost, openStore, type Store } from "../src/index.js";
import * as calls from "../src/store/full-calls.js";
import { manualClock } from "../src/testing.js";
import { gated, until } from "./support/store.js";

const asked: Variant[] = [];
let offline = false;
/** How long, in milliseconds, the full engine takes to come. */
let latency = 0;

async function engine(variant: Variant, file: string, glue: unknown): Promise<EngineModule> {
	if (offline && variant === "full") throw new Error("no network");
	asked.push(variant);
	if (variant === "full" && latency > 0) await new Promise((resolve) => setTimeout(resolve, latency));
	const module = await WebAssembly.compile(await readFile(new URL(`../src/generated/${file}`, import.meta.url)));
	return { module, createGlue: glue as EngineModule["createGlue"] };
}

/** Forgets what was loaded. */
function start(): void {
	asked.length = 0;
	offline = false;
	latency = 0;
	registerEngine({
		light: () => engine("light", "light/streamkit.wasm", createLightGlue),
		full: async () => ({ ...(await engine("full", "streamkit.wasm", createGlue)), calls }),
	});
}

function texts(entries: readonly Entry[]): string[] {
	return entries.map((entry) => entry.text());
}

async function payloads(store: Store): Promise<string[]> {
	return (await store.consumeSpace({ space: "s" }).toArray()).map((entry) => entry.text());
}

test("what gives the engine must be a function", () => {
	for (const wrong of [undefined, new Uint8Array(8)]) {
		assert.throws(
			() => registerWasm(wrong as unknown as () => object),
			(error) => isStreamkitError(error, "INVALID_ARGUMENT") && error.message.startsWith("loader: must be a function"),
		);
	}
});

test("an engine that cannot be loaded: what the network failed to bring may come, what is forbidden or wrong will not", async () => {
	const failing = async (load: () => unknown, message: RegExp): Promise<boolean> => {
		registerWasm(load as () => object);
		const error = await openStore(memoryHost()).then(
			() => undefined,
			(thrown: unknown) => thrown,
		);
		assert.ok(isStreamkitError(error, "UNAVAILABLE"), String(error));
		assert.match(error.message, message);
		assert.equal(error.details["applied"], false);
		return error.retryable;
	};
	const broken = (error: Error) => () => Promise.reject(error);
	assert.equal(await failing(broken(new TypeError("fetch failed")), /could not be loaded: fetch failed/), true);
	const forbidden = new WebAssembly.CompileError("blocked by the policy");
	assert.equal(await failing(broken(forbidden), /could not be loaded: blocked/), false);
	assert.equal(await failing(async () => ({}), /could not be loaded: /), false);
	const empty = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
	assert.equal(await failing(() => WebAssembly.compile(empty), /could not be loaded: /), false);
	start();
});

test("a module of another realm is as good as any", async () => {
	const bytes = await readFile(new URL("../src/generated/streamkit.wasm", import.meta.url));
	registerWasm(() => runInNewContext("new WebAssembly.Module(bytes)", { bytes }) as object);
	const store = await openStore(memoryHost());
	await store.publish("s", "a", "1");
	assert.deepEqual(await payloads(store), ["1"]);
	await store.close();
	start();
});

test("a store on an able host begins with the light engine and does all that is usual with it", async () => {
	start();
	const host = memoryHost();
	const store = await openStore(host);
	await store.produce("s", "a", [{ payload: "1" }, { payload: "2" }], { expectedSequence: 0 });
	await store.transact([
		{ space: "s", segment: "b", records: [{ payload: "3" }] },
		{ space: "t", segment: "c", records: [{ payload: "4" }] },
	]);
	await store.publish("s", "a", "5");
	assert.deepEqual(await payloads(store), ["1", "2", "3", "5"]);
	assert.equal((await store.peek("t", "c")).text(), "4");
	assert.equal((await store.getSegmentStatus("s", "a"))?.lastSequence, 3);
	assert.deepEqual((await store.health()).warnings, (await (await openStore(host)).health()).warnings);
	assert.deepEqual(asked, ["light"]);
	await store.close();
});

test("what the light engine lacks brings the full one, once, and everything goes on", async () => {
	start();
	const store = await openStore(memoryHost());
	const { id } = store;
	await store.publish("s", "a", "1");
	const seen: string[] = [];
	const arrived = new Map<string, () => void>();
	const follow = (async () => {
		for await (const entry of store.consumeSpace({ space: "s", follow: true, limit: 3 })) {
			seen.push(entry.text());
			arrived.get(entry.text())?.();
		}
	})();
	const first = new Promise<void>((resolve) => arrived.set("1", resolve));
	await first;
	const writes = Array.from({ length: 20 }, (_, index) => store.publish("t", "x", String(index)));
	const chunks: Uint8Array[] = [];
	const [report] = await Promise.all([
		store.verify(),
		(async () => {
			for await (const chunk of store.export()) chunks.push(chunk.slice());
		})(),
		store.publish("s", "a", "2"),
		...writes,
	]);
	assert.deepEqual(report.problems, []);
	await store.compact();
	await store.publish("s", "b", "3");
	await follow;
	assert.deepEqual(seen, ["1", "2", "3"]);
	assert.equal((await store.peek("t", "x")).sequence, 20);
	assert.deepEqual(asked, ["light", "full"]);
	assert.equal(store.id, id);

	const copy = await openStore(memoryHost());
	const { entries } = await copy.import(chunks);
	assert.ok(entries >= 1);
	assert.deepEqual((await copy.verify()).problems, []);
	await store.close();
	await copy.close();
	await assert.rejects(store.verify(), { code: "CLOSED" });
});

test("a write under a lease brings the full engine, whoever holds it", async () => {
	start();
	const host = memoryHost();
	const holder = await openStore(host);
	const writes: Record<string, (store: Store, lease: Lease) => Promise<unknown>> = {
		publish: (store, lease) => store.publish("s", "a", "x", { lease }),
		produce: (store, lease) => store.produce("s", "a", [{ payload: "x" }], { lease }),
		transact: (store, lease) => store.transact([{ space: "s", segment: "a", records: [{ payload: "x" }] }], { lease }),
	};
	for (const [name, write] of Object.entries(writes)) {
		const kept = await holder.withLease("k", 600_000, async (lease) => {
			start();
			const store = await openStore(host);
			assert.deepEqual(asked, ["light"]);
			offline = true;
			await assert.rejects(write(store, lease), { code: "UNAVAILABLE" }, name);
			offline = false;
			await write(store, lease);
			assert.deepEqual(asked, ["light", "full"], name);
			await store.close();
			return lease;
		});
		start();
		const late = await openStore(host);
		await assert.rejects(write(late, kept), { code: "LEASE_LOST" }, name);
		await late.close();
	}
	assert.deepEqual(await payloads(holder), ["x", "x", "x"]);
	await holder.close();
});

test("streams and groups wait for the full engine, and refuse what is wrong without it", async () => {
	start();
	const store = await openStore(memoryHost());
	const { streams } = store;
	const group = streams.group("orders", "g");
	assert.throws(() => streams.group("", "g"), { code: "INVALID_ARGUMENT" });
	offline = true;
	for (const call of [
		() => streams.create("orders"),
		() => streams.append("orders", "1"),
		() => streams.read("orders"),
		() => streams.follow("orders")[Symbol.asyncIterator]().next(),
		() => streams.follow("orders", { start: "$", end: "5" }).toArray(),
		() => streams.trim("orders", { maxCount: 1 }),
		() => streams.list(),
		() => group.read("c"),
		() => group.ack("c", ["1-1"]),
		() => store.withLease("k", 1000, () => {}),
		() => store.import([]),
		() => store.compact(),
		() => store.export()[Symbol.asyncIterator]().next(),
	]) {
		await assert.rejects(call, { code: "UNAVAILABLE", message: /no network/ }, String(call));
	}
	const aborted = AbortSignal.abort(new Error("enough"));
	await assert.rejects(streams.info("orders", { signal: aborted }), /enough/);
	offline = false;
	const following = streams.follow("orders", { start: "$" })[Symbol.asyncIterator]();
	const followed = following.next();
	await streams.create("orders");
	const { lastId } = await streams.append("orders", "1");
	assert.equal((await followed).value?.text(), "1");
	await following.return?.();
	const [delivery] = await group.read("c");
	assert.equal(delivery?.entry.text(), "1");
	assert.equal(await group.ack("c", [lastId]), 1);
	assert.equal((await group.info()).pending, 0);
	assert.equal((await streams.info("orders")).count, 1);
	await assert.rejects(streams.create("", {}), { code: "INVALID_ARGUMENT" });
	await assert.rejects(streams.group("orders", "other").create({ mode: "none" as "shared" }), {
		code: "INVALID_ARGUMENT",
	});
	await store.close();
	await assert.rejects(streams.info("orders"), { code: "CLOSED" });
});

test("from now on is from the call on, however long the full engine takes to come", async () => {
	start();
	latency = 200;
	const opened = new Map<string, Store>();
	/** A store of its own, for the full engine is loaded once in each; with what was there before the call. */
	const open = async (name: string, before: boolean): Promise<Store> => {
		const store = await openStore(memoryHost());
		opened.set(`${name}, ${before}`, store);
		if (before) await store.publish("s", "0", "before the call");
		start();
		latency = 200;
		return store;
	};
	for (const before of [false, true]) {
		let store = await open("read", before);
		const read = store.streams.read("s", { start: "$", block: 0 });
		await store.publish("s", "0", "after the call");
		assert.deepEqual(asked, ["full"]);
		assert.deepEqual(texts(await read), ["after the call"]);

		store = await open("follow", before);
		const following = store.streams.follow("s", { start: "$" });
		await store.publish("s", "0", "after the call");
		for (let times = 0; times < 2; times++) {
			for await (const entry of following) {
				assert.equal(entry.text(), "after the call");
				break;
			}
		}

		store = await open("group", before);
		const group = store.streams.group("s", "g");
		const created = group.create({ start: "$" });
		await store.publish("s", "0", "after the call");
		await created;
		const deliveries = await group.read("c");
		assert.deepEqual(texts(deliveries.map(({ entry }) => entry)), ["after the call"]);

		store = await open("refused", before);
		const controller = new AbortController();
		const aborted = store.streams.read("s", { start: "$", block: 0, signal: controller.signal });
		controller.abort("enough");
		await assert.rejects(aborted, (error) => error === "enough");
		await assert.rejects(store.streams.read(5 as never, { start: "$" }), { code: "INVALID_ARGUMENT" });
		await assert.rejects(group.create({ start: "$", mode: "none" as "shared" }), { code: "INVALID_ARGUMENT" });
	}
	for (const store of opened.values()) await store.close();
});

test("from now on is from the call on where the full engine is just taking the light one's place", async () => {
	start();
	const host = gated(memoryHost());
	const store = await openStore(host);
	const { streams } = store;
	host.shut();
	const before = store.publish("s", "0", "before the call");
	await until(() => host.waiting > 0);
	const list = streams.list();
	await until(() => asked.includes("full"));
	// The write under way keeps the light one, which takes no further calls.
	await new Promise((resolve) => setTimeout(resolve, 50));
	const read = streams.read("s", { start: "$", block: 0 });
	const followed = streams.follow("s", { start: "$" })[Symbol.asyncIterator]().next();
	const group = streams.group("s", "g");
	const created = group.create({ start: "$" });
	const after = store.publish("s", "0", "after the call");
	host.open();
	await Promise.all([before, list, created, after]);
	assert.deepEqual(texts(await read), ["after the call"]);
	assert.equal((await followed).value?.text(), "after the call");
	assert.deepEqual(texts((await group.read("c")).map(({ entry }) => entry)), ["after the call"]);
	await store.close();
});

test("a full engine that cannot be loaded costs only the call that needs it", async () => {
	start();
	const store = await openStore(memoryHost());
	await store.publish("s", "a", "1");
	offline = true;
	await assert.rejects(store.verify(), /no network/);
	await store.publish("s", "a", "2");
	assert.deepEqual(await payloads(store), ["1", "2"]);
	offline = false;
	assert.equal((await store.verify()).entries, 2);
	assert.deepEqual(await payloads(store), ["1", "2"]);
	await store.close();
});

test("hosts and options that the light engine does not serve get the full one", async () => {
	for (const [limits, options] of [
		[{ atomic: "space" }, {}],
		[{ checks: false }, {}],
		[{ consistent: false }, {}],
		[{ compress: true }, {}],
		[{}, { compression: "always" }],
	] as const) {
		start();
		const store = await openStore(memoryHost({ limits }), options);
		await store.publish("s", "a", "1");
		assert.deepEqual(asked, ["full"], JSON.stringify([limits, options]));
		await store.close();
	}
	start();
	const store = await openStore(memoryHost({ limits: { compress: true } }), { compression: "none" });
	assert.deepEqual(asked, ["light"]);
	await store.close();
});

test("what a broken-off import left makes way once the full engine is there", async () => {
	const source = await openStore(memoryHost());
	await source.publish("s", "a", "imported");
	const chunks: Uint8Array[] = [];
	for await (const chunk of source.export()) chunks.push(chunk);
	const exported = new Uint8Array(Buffer.concat(chunks));
	await source.close();

	const host = memoryHost();
	const clock = manualClock(1_000_000);
	const first = await openStore(host, { clock });
	async function* halted(): AsyncGenerator<Uint8Array> {
		yield exported.subarray(0, exported.length - 40);
		await first.close();
		throw new Error("the process ends here");
	}
	await assert.rejects(first.import(halted()));

	start();
	const store = await openStore(host, { clock });
	const conflict = (error: unknown): boolean => isStreamkitError(error, "CONFLICT") && error.retryable;
	await assert.rejects(store.publish("s", "a", "early"), conflict);
	clock.set(1_030_000);
	await until(() => asked.includes("full"));
	await store.streams.list();
	await store.publish("s", "a", "mine");
	assert.deepEqual(await payloads(store), ["mine"]);
	assert.deepEqual((await store.verify()).problems, []);
	await store.close();
});
