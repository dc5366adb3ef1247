import { test } from "node:test";
// The cases open stores, and so need the engine.
import "../../src/entry/node.js";
import type { ConformanceRunner } from "../../src/testing.js";

/** Runs conformance cases under node:test, each named after the host. */
export function runner(host: string): ConformanceRunner {
	return { test: (name, run) => void test(`${host}: ${name}`, (t) => run(t)) };
}
