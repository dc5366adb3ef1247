// Each mistake that a host can make is caught by a case of the conformance suite. The files are named as those of its
// cases are.

import assert from "node:assert/strict";
import { test } from "node:test";
import "../../src/entry/node.js";
import { memoryHost } from "../../src/hosts/memory.js";
import { type ConformanceFactory, hostConformance } from "../../src/testing.js";
import { type Broken, small } from "./broken.js";
import { checks } from "./checks.js";
import { commits } from "./commits.js";
import { hints } from "./hints.js";
import { instances } from "./instances.js";
import { limits } from "./limits.js";
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
