import type { Runner, StoreFactory } from "../streams/harness.js";
import { argumentCases } from "./argument-cases.js";
import { basicCases } from "./basic-cases.js";
import { deliveryCases } from "./delivery-cases.js";
import { lastingCases } from "./lasting-cases.js";
import { modeCases } from "./mode-cases.js";
import { waitCases } from "./wait-cases.js";

/** Every case of consumer groups, for stores of one kind. Uses nothing but the package: it runs in browsers too. */
export function groupCases(runner: Runner, factory: () => StoreFactory): void {
	const test = (name: string, run: (factory: StoreFactory) => Promise<void>): void =>
		runner.test(name, () => run(factory()));
	for (const cases of [basicCases, deliveryCases, modeCases, waitCases, lastingCases, argumentCases]) cases(test);
}
