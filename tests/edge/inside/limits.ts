// The limits that hosts state are kept to the byte, by the hosts themselves: local emulation takes more.

import { type HostBatch, type HostKv, isStreamkitError } from "streamkit";
import { durableObjectHost, workersKvHost } from "streamkit/cloudflare";
import { assert } from "./assert.js";
import type { Env, State } from "./platform.js";

const bytes = (length: number, fill = 1): Uint8Array<ArrayBuffer> => new Uint8Array(length).fill(fill);

const batch = (change: Partial<HostBatch>): HostBatch => ({
	checks: [],
	deletes: [],
	puts: [],
	durability: "relaxed",
	...change,
});

async function refused(host: HostKv, change: Partial<HostBatch>, what: string): Promise<void> {
	try {
		await host.commit(batch(change));
	} catch (error) {
		assert(isStreamkitError(error, "LIMIT_EXCEEDED"), `${host.name}: ${what}: ${error}`);
		assert(typeof error.details["limit"] === "number", `${what}: the limit must be named`);
		assert(error.details["applied"] !== "unknown", `${what}: nothing was applied`);
		return;
	}
	throw new Error(`${host.name}: ${what} was taken`);
}

/** The largest row is kept whole; one byte more is refused with all that comes along. */
async function edges(host: HostKv): Promise<void> {
	const { maxKeyBytes, maxValueBytes, maxBatchOps } = host.limits;
	const key = bytes(maxKeyBytes, 0xff);
	const value = bytes(maxValueBytes, 7);
	await host.commit(batch({ puts: [{ key, value }] }));
	const [found] = await host.get([key]);
	assert(found?.length === maxValueBytes && found.every((byte) => byte === 7), `${host.name}: the largest row`);
	const page = await host.scan({ start: bytes(1, 0xff), end: bytes(maxKeyBytes + 1, 0xff), limit: 2, keysOnly: true });
	assert(page.keys.length === 1 && page.keys[0]?.length === maxKeyBytes, `${host.name}: the longest key`);
	await host.commit(batch({ deletes: [key] }));

	const small = { key: bytes(1, 9), value: bytes(1) };
	const with1 = (one: { key: Uint8Array<ArrayBuffer>; value: Uint8Array<ArrayBuffer> }) =>
		maxBatchOps > 1 ? { puts: [small, one] } : { puts: [one] };
	await refused(host, with1({ key: bytes(maxKeyBytes + 1), value: bytes(1) }), "a longer key");
	await refused(host, { deletes: [bytes(maxKeyBytes + 1)] }, "a longer key to delete");
	await refused(host, with1({ key: bytes(2), value: bytes(maxValueBytes + 1) }), "a larger value");
	const many = (count: number) =>
		Array.from({ length: count }, (_, i) => ({ key: new Uint8Array([5, i >> 8, i & 255]), value: bytes(1) }));
	await refused(host, { puts: many(maxBatchOps + 1) }, "more operations");
	await refused(host, { puts: many(maxBatchOps), deletes: [bytes(3)] }, "more operations, deletes among them");
	assert((await host.get([small.key]))[0] === undefined, `${host.name}: nothing of what was refused is stored`);
	await host.commit(batch({ puts: many(maxBatchOps) }));
	const all = await host.scan({ start: new Uint8Array([5]), end: new Uint8Array([6]), limit: maxBatchOps + 1 });
	assert(all.keys.length === maxBatchOps, `${host.name}: ${all.keys.length} of ${maxBatchOps} rows`);
	const keys = all.keys.map((one) => new Uint8Array(one));
	const values = await host.get(keys);
	assert(
		values.every((one) => one?.length === 1),
		`${host.name}: all of them by one get`,
	);
}

/** Keys of every byte value, alone and behind others, come back in the order of their bytes, in either direction. */
async function order(host: HostKv): Promise<void> {
	const keys: Uint8Array<ArrayBuffer>[] = [];
	for (let byte = 0; byte < 255; byte++) keys.push(new Uint8Array([byte]));
	for (const byte of [0, 1, 127, 128, 254, 255]) {
		for (const before of [[0], [40, 41], [40, 41, 42], [40, 41, 42, 43], [254, 255, 255, 255, 255]])
			keys.push(new Uint8Array([...before, byte]));
	}
	const compare = (a: Uint8Array, b: Uint8Array): number => {
		for (let i = 0; i < Math.min(a.length, b.length); i++)
			if (a[i] !== b[i]) return (a[i] as number) - (b[i] as number);
		return a.length - b.length;
	};
	const shuffled = keys.map((key, i) => [key, (i * 7919) % 1009] as const).sort((a, b) => a[1] - b[1]);
	for (const [key] of shuffled) await host.commit(batch({ puts: [{ key, value: key }] }));
	const sorted = [...keys].sort(compare).map(String);
	for (const reverse of [false, true]) {
		const page = await host.scan({ start: bytes(0), end: bytes(1, 255), limit: 1000, reverse });
		const expected = reverse ? [...sorted].reverse() : sorted;
		assert(page.keys.map(String).join("|") === expected.join("|"), `${host.name}: order, reverse ${reverse}`);
		assert(page.values.map(String).join("|") === expected.join("|"), `${host.name}: values, reverse ${reverse}`);
	}
}

/** Values of every size replace each other, and nothing of the replaced ones stays. */
async function replaced(host: HostKv, storage: State["storage"]): Promise<void> {
	const key = bytes(3, 1);
	const other = { key: bytes(3, 2), value: bytes(100_000, 5) };
	await host.commit(batch({ puts: [other] }));
	for (const size of [10, 100_000, 16 << 10, (16 << 10) + 1, 0, 70_000, 80_000]) {
		await host.commit(batch({ puts: [{ key, value: bytes(size, 3) }] }));
		const page = await host.scan({ start: bytes(0), end: bytes(1, 9), limit: 9 });
		const sizes = page.values.map(({ length }) => length).join();
		assert(sizes === `${size},100000`, `${host.name}: ${sizes} instead of ${size},100000`);
		assert((await host.get([key]))[0]?.every((byte) => byte === 3) === true, `${host.name}: ${size} bytes`);
	}
	await host.commit(batch({ deletes: [key] }));
	assert((await host.get([key]))[0] === undefined, `${host.name}: it is gone`);
	assert((await host.get([other.key]))[0]?.length === 100_000, `${host.name}: its neighbour is not`);
	const sql = storage.sql as { exec(query: string): { one(): Record<string, unknown> } } | undefined;
	if (host.limits.maxBatchOps > 128) {
		const { n } = sql?.exec("SELECT count(*) AS n FROM streamkitlarge_replaced").one() ?? {};
		assert(n === 1, `${n} large values are there`);
	}
}

export async function limits(state: State, env: Env): Promise<Record<string, unknown>> {
	const object = durableObjectHost(state.storage, { name: "limits" });
	await edges(object);
	await order(durableObjectHost(state.storage, { name: "order" }));
	await replaced(durableObjectHost(state.storage, { name: "replaced" }), state.storage);
	const kv = workersKvHost(env.KV, { prefix: "l/", writeInterval: 0 });
	await edges(kv);
	await order(workersKvHost(env.KV, { prefix: "o/", writeInterval: 0 }));
	return { object: object.limits, kv: kv.limits };
}
