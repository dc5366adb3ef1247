import { appendCases } from "./append-cases.js";
import type { Runner, StoreFactory } from "./harness.js";
import { lifecycleCases } from "./lifecycle-cases.js";
import { partitionCases } from "./partition-cases.js";
import { readCases } from "./read-cases.js";
import { trimCases } from "./trim-cases.js";
import { waitCases } from "./wait-cases.js";

/** Every case of streams, for stores of one kind. Uses nothing but the package: it runs in browsers too. */
export function streamCases(runner: Runner, factory: () => StoreFactory): void {
	const test = (name: string, run: (factory: StoreFactory) => Promise<void>): void =>
		runner.test(name, () => run(factory()));
	for (const cases of [appendCases, readCases, waitCases, trimCases, lifecycleCases, partitionCases]) cases(test);
}
