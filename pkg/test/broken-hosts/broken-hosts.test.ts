// Each mistake that a host can make is caught by a case of the conformance suite. The files are named as those of its
// cases are.

import assert from "node:assert/strict";
import { test } from "node:test";
import "../../src/entry/node.js";
import { memoryHost } from "../../src/hosts/memory.js";
import { type ConformanceFactory, hostConformance } from "../../src/testing.js";
import { altered, type Broken, small } from "./broken.js";
import { checks } from "./checks.js";
import { commits } from "./commits.js";
import { hints } from "./hints.js";
import { instances } from "./instances.js";
import { limits } from "./limits.js";
import { model } from "./model.js";
import { ownership } from "./ownership.js";
import { pages } from "./pages.js";
import { ranges } from "./ranges.js";
import { reading } from "./reading.js";
import { values } from "./values.js";

const BROKEN: readonly Broken[] = [
	...checks,
	...commits,
	...hints,
	...instances,
	...limits,
	...model,
	...ownership,
	...pages,
	...ranges,
	...reading,
	...values,
];

interface Outcome {
	readonly name: string;
	readonly error: unknown;
	readonly skipped: string | undefined;
}

/** Runs the cases of these names and says how each went. */
async function outcomes(factory: ConformanceFactory, names: readonly string[]): Promise<Outcome[]> {
	const cases: [string, (t: { skip(reason: string): void }) => Promise<void>][] = [];
	hostConformance({ test: (name, run) => void cases.push([name, run]) }, factory);
	const found: Outcome[] = [];
	for (const [name, run] of cases) {
		if (!names.includes(name)) continue;
		let skipped: string | undefined;
		let error: unknown;
		try {
			await run({
				skip(reason) {
					skipped = reason;
				},
			});
		} catch (thrown) {
			error = thrown;
		}
		found.push({ name, error, skipped });
	}
	return found;
}

function factoryOf({ make, inner = memoryHost, second = make, reopen = make }: Broken): ConformanceFactory {
	let data = inner();
	return {
		async open() {
			data = inner();
			return make(data);
		},
		reopen: async () => reopen(data),
		second: async () => second(data),
	};
}

for (const broken of BROKEN) {
	test(`a host is caught: ${broken.what}`, async () => {
		const found = await outcomes(factoryOf(broken), broken.fails);
		assert.deepEqual(found.map(({ name }) => name).sort(), [...broken.fails].sort(), "cases of these names");
		for (const { name, error, skipped } of found) {
			assert.equal(skipped, undefined, `"${name}" is skipped`);
			assert.ok(error instanceof Error, `"${name}" passes`);
		}
	});
}

test("the hosts underneath pass what the broken ones fail", async () => {
	for (const inner of [memoryHost, small]) {
		const fails = BROKEN.filter((broken) => (broken.inner ?? memoryHost) === inner).flatMap((broken) => broken.fails);
		for (const { name, error } of await outcomes(
			factoryOf({ what: "nothing", make: (host) => host, fails, inner }),
			fails,
		)) {
			assert.equal(error, undefined, name);
		}
	}
});

const NEVER = new Promise<never>(() => {});

for (const call of ["get", "scan", "commit", "close"] as const) {
	test(`a host is caught: ${call} is never answered`, async (t) => {
		t.mock.timers.enable({ apis: ["setTimeout"] });
		const host = altered(memoryHost(), { [call]: () => NEVER });
		const factory = { open: async () => host, reopen: async () => host };
		const name = `host: ${call === "close" ? "what was written is there after reopening" : "a put replaces"}`;
		let done = false;
		const running = outcomes(factory, [name]).finally(() => {
			done = true;
		});
		while (!done) {
			await new Promise((resolve) => setImmediate(resolve));
			t.mock.timers.tick(1000);
		}
		const [outcome] = await running;
		assert.match(String(outcome?.error), new RegExp(`${call} is not answered within 30 s`));
	});
}

test("a factory that never answers, or gives no host, is named", async (t) => {
	t.mock.timers.enable({ apis: ["setTimeout"] });
	const name = "host: a put replaces";
	const [none] = await outcomes({ open: async () => undefined as never }, [name]);
	assert.match(String(none?.error), /factory\.open gave no host/);
	const running = outcomes({ open: () => NEVER }, [name]);
	await new Promise((resolve) => setImmediate(resolve));
	t.mock.timers.tick(30_000);
	const [never] = await running;
	assert.match(String(never?.error), /factory\.open is not answered within 30 s/);
});

test("a broken host does not spoil the cases after it", async () => {
	const names = [
		"host: a check compares bytes, and not what they may mean",
		"host: a range is half-open at every edge",
	];
	const greedy = altered(memoryHost(), {
		get: (keys) => keys.map((key) => structuredClone(key, { transfer: [key.buffer] })),
		scan: ({ start, end }) => {
			for (const key of [start, end]) structuredClone(key, { transfer: [key.buffer] });
			return { keys: [], values: [], more: false };
		},
		commit: ({ checks, puts }) => {
			for (const { value } of [...checks, ...puts]) value?.fill(0);
			return { applied: true };
		},
	});
	for (const { error } of await outcomes({ open: async () => greedy }, names)) assert.ok(error instanceof Error);
	for (const { name, error } of await outcomes({ open: async () => memoryHost() }, names))
		assert.equal(error, undefined, name);
});
