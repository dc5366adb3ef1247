import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { type HostKv, memoryHost, openStore, type Store, StreamkitError } from "../src/entry/node.js";
import { collect, refuses } from "./support/store.js";

const SPACE = "orders";
const SEGMENT = "order-1";
const ENTRIES = 30_000;
const args = { space: SPACE, segment: SEGMENT };

interface Slow {
	readonly host: HostKv;
	scans: number;
	/** What each scan was bounded by. */
	readonly bytes: (number | undefined)[];
	/** Bytes that scans gave. */
	given: number;
	/** The first scan that fails, counted from one. */
	failsFrom: number;
}

/** A host in memory that answers scans with promises, and counts them. */
function slow(inner: HostKv = memoryHost()): Slow {
	const self: Slow = {
		scans: 0,
		bytes: [],
		given: 0,
		failsFrom: Number.POSITIVE_INFINITY,
		host: {
			name: "slow",
			limits: { ...inner.limits },
			get: (keys) => inner.get(keys),
			commit: (batch) => inner.commit(batch),
			async scan(range) {
				self.scans++;
				self.bytes.push(range.maxBytes);
				if (self.scans >= self.failsFrom)
					throw new StreamkitError("UNAVAILABLE", "no", { details: { applied: false } });
				await turn();
				const page = await inner.scan(range);
				for (const value of page.values) self.given += value.length;
				return page;
			},
		},
	};
	return self;
}

async function filled(t: TestContext, host: HostKv, entries = ENTRIES, padding = ""): Promise<Store> {
	const store = await openStore(host, { autoCompact: false, retentionInterval: 0, pollInterval: 600_000 });
	t.after(() => store.close());
	await store.produce(
		SPACE,
		SEGMENT,
		Array.from({ length: entries }, (_, i) => ({ payload: `${i + 1}${padding}` })),
	);
	return store;
}

/** Takes four pages, the last two of which are of full size; how many entries they have. */
async function fourPages(pages: AsyncIterator<readonly unknown[]>): Promise<number> {
	let count = 0;
	for (let page = 0; page < 4; page++) {
		const step = await pages.next();
		assert.equal(step.done, false);
		count += step.value.length;
	}
	return count;
}

test("where the host takes its time, a long read asks for the next page while one is used", async (t) => {
	const one = slow();
	const store = await filled(t, one.host);
	const pages = store.consumeSegment(args).pages()[Symbol.asyncIterator]();
	const before = one.scans;
	let read = await fourPages(pages);
	// Nobody asks for a page meanwhile.
	for (let i = 0; i < 20; i++) await turn();
	assert.equal(one.scans - before, 5, "four pages and one ahead");
	for (;;) {
		const step = await pages.next();
		if (step.done === true) break;
		read += step.value.length;
	}
	assert.equal(read, ENTRIES);
	const texts = (await store.consumeSegment(args).toArray()).map((entry) => entry.text());
	assert.deepEqual(
		texts,
		Array.from({ length: ENTRIES }, (_, i) => `${i + 1}`),
	);
});

test("where the host takes its time for large rows, the pages of a long read hold several", async (t) => {
	const one = slow();
	one.host.limits.blockBytes = 1 << 20;
	const store = await filled(t, one.host, 8000, "x".repeat(4000));
	one.bytes.length = 0;
	const most = (): number => Math.max(...one.bytes.map((bytes) => bytes ?? 0));
	let entries = 0;
	for await (const page of store.consumeSegment(args).pages()) {
		entries += page.length;
		if (entries < 500) assert.ok(most() <= 1 << 20, "who looks at the beginning only pays for no more");
	}
	assert.equal(entries, 8000);
	assert.deepEqual(new Set(one.bytes.slice(5)), new Set([4 << 20]));
	for (const [blockBytes, expected] of [
		[256 << 10, 1 << 20],
		[16 << 20, 4 << 20],
	] as const) {
		one.bytes.length = 0;
		one.host.limits.blockBytes = blockBytes;
		await store.consumeSegment(args).toArray();
		assert.equal(most(), expected, `rows of ${blockBytes}`);
	}
	one.bytes.length = 0;
	await store.consume({ offsets: { [SPACE]: "" } }).toArray();
	assert.ok(one.bytes.length > 3);
	assert.equal(most(), 1 << 20, "several spaces share what one may have");
});

test("small entries of large rows are not read many times", async (t) => {
	const one = slow();
	one.host.limits.blockBytes = 1 << 20;
	const store = await filled(t, one.host, 150_000, "x".repeat(100));
	one.given = 0;
	assert.equal((await store.consumeSegment(args).toArray()).length, 150_000);
	const stored = 150_000 * 110;
	assert.ok(one.given < 1.6 * stored, `${one.given} bytes for ${stored}`);
});

test("a page that was asked for ahead and failed is an error when it is wanted, and not before", async (t) => {
	const one = slow();
	const store = await filled(t, one.host);
	const pages = store.consumeSegment(args).pages()[Symbol.asyncIterator]();
	one.failsFrom = one.scans + 5;
	await fourPages(pages);
	for (let i = 0; i < 20; i++) await turn();
	assert.ok(one.scans >= one.failsFrom, "it has failed by now");
	await refuses("UNAVAILABLE", () => pages.next());
});

test("leaving a read that has asked ahead leaves nothing behind", async (t) => {
	const one = slow();
	const store = await filled(t, one.host);
	let pages = 0;
	for await (const _ of store.consumeSegment(args).pages()) if (++pages === 4) break;
	assert.equal(pages, 4);
	await store.close();
});

test("following goes on after what was asked for ahead", { timeout: 60_000 }, async (t) => {
	const one = slow();
	const store = await filled(t, one.host);
	const found: string[] = [];
	for await (const page of store.consumeSegment({ ...args, follow: true, limit: ENTRIES + 3 }).pages()) {
		found.push(...page.map((entry) => entry.text()));
		if (found.length === ENTRIES)
			await store.produce(SPACE, SEGMENT, [{ payload: "a" }, { payload: "b" }, { payload: "c" }]);
	}
	assert.deepEqual(found.slice(-4), [`${ENTRIES}`, "a", "b", "c"]);
	assert.equal(found.length, ENTRIES + 3);
});

test("a host that answers at once is never asked ahead", async (t) => {
	let scans = 0;
	const inner = memoryHost();
	const host: HostKv = {
		name: "quick",
		limits: inner.limits,
		get: (keys) => inner.get(keys),
		commit: (batch) => inner.commit(batch),
		scan(range) {
			scans++;
			return inner.scan(range);
		},
	};
	const store = await filled(t, host);
	const all = await collect(store.consumeSegment(args).pages());
	const pages = store.consumeSegment(args).pages()[Symbol.asyncIterator]();
	const before = scans;
	await fourPages(pages);
	for (let i = 0; i < 20; i++) await turn();
	assert.equal(scans - before, 4);
	await pages.return?.();
	assert.equal(all.flat().length, ENTRIES);
});
