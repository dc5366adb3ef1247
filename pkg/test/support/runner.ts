import { test } from "node:test";
import type { ConformanceRunner } from "../../src/testing.js";

/** Runs conformance cases under node:test, each named after the host. */
export function runner(host: string): ConformanceRunner {
	return { test: (name, run) => void test(`${host}: ${name}`, (t) => run(t)) };
}
