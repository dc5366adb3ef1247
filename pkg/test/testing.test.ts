import assert from "node:assert/strict";
import { test } from "node:test";
import { isStreamkitError } from "../src/errors.js";
import type { HostBatch, HostKv } from "../src/host.js";
import { memoryHost } from "../src/hosts/memory.js";
import { faultyHost, hostConformance, manualClock } from "../src/testing.js";

const key = new Uint8Array([97]);
const put = (value: number): HostBatch => ({
	checks: [],
	deletes: [],
	puts: [{ key, value: new Uint8Array([value]) }],
	durability: "relaxed",
});

async function play(host: HostKv & { readonly log: readonly string[] }): Promise<readonly string[]> {
	for (let i = 0; i < 60; i++) {
		try {
			if (i % 3 === 0) await host.commit(put(i));
			else await host.get([key]);
		} catch (error) {
			assert.ok(isStreamkitError(error, "UNAVAILABLE"));
		}
	}
	return host.log;
}

test("a manual clock stands still until it is moved", () => {
	const clock = manualClock(100);
	assert.equal(clock(), 100);
	clock.advance(5);
	assert.equal(clock(), 105);
	clock.set(50);
	assert.equal(clock(), 50);
	assert.equal(manualClock()(), manualClock()());
});

test("one seed picks the same faults, another others", async () => {
	const plan = { failRate: 0.2, lostReplyRate: 0.3, staleRate: 0.3 };
	const first = await play(faultyHost(memoryHost(), { seed: 7, ...plan }));
	assert.deepEqual(await play(faultyHost(memoryHost(), { seed: 7, ...plan })), first);
	assert.notDeepEqual(await play(faultyHost(memoryHost(), { seed: 8, ...plan })), first);
	for (const fault of ["failed", "reply lost", "stale"])
		assert.ok(
			first.some((line) => line.includes(fault)),
			fault,
		);
});

test("a failure is not applied, a lost reply is", async () => {
	const inner = memoryHost();
	await assert.rejects(
		async () => faultyHost(inner, { seed: 1, failRate: 1 }).commit(put(1)),
		(error) => isStreamkitError(error, "UNAVAILABLE") && error.details["applied"] === false,
	);
	assert.deepEqual(await inner.get([key]), [undefined]);
	await assert.rejects(
		async () => faultyHost(inner, { seed: 1, lostReplyRate: 1 }).commit(put(1)),
		(error) => isStreamkitError(error, "UNAVAILABLE") && error.details["applied"] === "unknown",
	);
	assert.deepEqual(await inner.get([key]), [new Uint8Array([1])]);
});

test("after a crash nothing works", async () => {
	const host = faultyHost(memoryHost(), { seed: 1, crashAfter: 2 });
	await host.commit(put(1));
	await host.get([key]);
	for (let i = 0; i < 3; i++)
		await assert.rejects(
			async () => host.get([key]),
			(error) => isStreamkitError(error, "UNAVAILABLE"),
		);
});

test("a commit that a crash cuts off is applied under some seeds, and then nobody says that it was not", async () => {
	const outcomes = new Set<string>();
	for (let seed = 1; seed <= 20; seed++) {
		const inner = memoryHost();
		const host = faultyHost(inner, { seed, crashAfter: 0 });
		const error = await Promise.resolve(host.commit(put(1))).catch((thrown: unknown) => thrown);
		assert.ok(isStreamkitError(error, "UNAVAILABLE"));
		const [value] = await inner.get([key]);
		outcomes.add(`${error.details["applied"]}, ${value === undefined ? "not there" : "there"}`);
		await assert.rejects(async () => host.commit(put(2)));
		assert.deepEqual((await inner.get([key]))[0], value);
	}
	assert.deepEqual([...outcomes].sort(), ["false, not there", "unknown, there"]);
});

test("a stale scan shows what an earlier one of the same range saw", async () => {
	const host = faultyHost(memoryHost(), { seed: 1, staleRate: 1 });
	const scan = async () => {
		const { keys, values, more } = await host.scan({ start: key, end: new Uint8Array([98]), limit: 9, maxBytes: 99 });
		return [keys.length, [...(values[0] ?? [])], more];
	};
	assert.deepEqual(await scan(), [0, [], false]);
	await host.commit(put(1));
	assert.deepEqual(await scan(), [0, [], false]);
	await host.commit(put(2));
	assert.deepEqual(await scan(), [1, [1], false]);
});

test("plans out of range are refused", () => {
	for (const plan of [{}, { seed: 1, failRate: 2 }, { seed: 1, staleRate: -1 }, { seed: 1, crashAfter: -1 }]) {
		assert.throws(
			() => faultyHost(memoryHost(), plan as { seed: number }),
			(error) => isStreamkitError(error, "INVALID_ARGUMENT"),
		);
	}
});

test("what is no host, no runner or no factory is refused by name", () => {
	const runner = { test: () => {} };
	const factory = { open: async () => memoryHost() };
	type Conformance = Parameters<typeof hostConformance>;
	const wrong: readonly (readonly [argument: string, call: () => unknown])[] = [
		["inner", () => faultyHost(undefined as unknown as HostKv, { seed: 1 })],
		["inner.get", () => faultyHost({ ...memoryHost(), name: "x" } as HostKv, { seed: 1 })],
		["runner.test", () => hostConformance(undefined as unknown as Conformance[0], factory)],
		["runner.test", () => hostConformance({} as Conformance[0], factory)],
		["factory.open", () => hostConformance(runner, undefined as unknown as Conformance[1])],
		["factory.open", () => hostConformance(runner, {} as Conformance[1])],
		["factory.second", () => hostConformance(runner, { ...factory, second: 5 } as unknown as Conformance[1])],
	];
	for (const [argument, call] of wrong) {
		assert.throws(
			call,
			(error) => isStreamkitError(error, "INVALID_ARGUMENT") && error.details["argument"] === argument,
		);
	}
});

test("how often to look for unfinished transactions is the inner host's", () => {
	let recoveryInterval = 5;
	const inner = Object.assign(memoryHost(), {});
	Object.defineProperty(inner, "recoveryInterval", { get: () => recoveryInterval });
	const host = faultyHost(inner, { seed: 1 });
	assert.equal(host.recoveryInterval, 5);
	recoveryInterval = 6;
	assert.equal(host.recoveryInterval, 6);
	assert.equal(faultyHost(memoryHost(), { seed: 1 }).recoveryInterval, undefined);
});
