import { optionalFunction } from "../common/validate.js";
import { invalid } from "../errors.js";
import { type Case, type ConformanceFactory, made, Setting } from "./conformance/case.js";
import { checkCases } from "./conformance/host/checks.js";
import { commitCases } from "./conformance/host/commits.js";
import { hintCases } from "./conformance/host/hints.js";
import { instanceCases } from "./conformance/host/instances.js";
import { limitCases } from "./conformance/host/limits.js";
import { modelCases } from "./conformance/host/model.js";
import { ownershipCases } from "./conformance/host/ownership.js";
import { pageCases } from "./conformance/host/pages.js";
import { rangeCases } from "./conformance/host/ranges.js";
import { readingCases } from "./conformance/host/reading.js";
import { valueCases } from "./conformance/host/values.js";
import { leaseCases } from "./conformance/store/leases.js";
import { lifeCases } from "./conformance/store/life.js";
import { liveCases } from "./conformance/store/live.js";
import { nameCases } from "./conformance/store/names.js";
import { orderCases } from "./conformance/store/order.js";
import { storePageCases } from "./conformance/store/pages.js";
import { sequenceCases } from "./conformance/store/sequences.js";
import { sizeCases } from "./conformance/store/sizes.js";
import { streamCases } from "./conformance/store/streams.js";
import { transactCases } from "./conformance/store/transact.js";
import { transferCases } from "./conformance/store/transfer.js";
import { trxCases } from "./conformance/store/trx.js";

export type { ConformanceFactory } from "./conformance/case.js";

/** What runs the cases: node:test's `test`, or anything like it. */
export interface ConformanceRunner {
	test(name: string, run: (t: { skip(reason: string): void }) => Promise<void>): void;
}

/** By what is tried: the host by itself, or a store on it. */
const PARTS: readonly (readonly [string, readonly (readonly Case[])[]])[] = [
	[
		"host",
		[
			limitCases,
			readingCases,
			rangeCases,
			pageCases,
			commitCases,
			valueCases,
			checkCases,
			ownershipCases,
			instanceCases,
			hintCases,
			modelCases,
		],
	],
	[
		"store",
		[
			sequenceCases,
			trxCases,
			orderCases,
			storePageCases,
			nameCases,
			transactCases,
			leaseCases,
			liveCases,
			sizeCases,
			transferCases,
			streamCases,
			lifeCases,
		],
	],
];

/**
 * Runs every conformance case, each on a fresh host: those named "host: ..." try the host by itself, those named
 * "store: ..." a store that is opened on it. Cases that a capability rules out are skipped by name, with the reason.
 * Stores need the engine: import "streamkit" beside this, or register it with "streamkit/slim".
 * @throws INVALID_ARGUMENT for a runner without test, or a factory without open.
 */
export function hostConformance(runner: ConformanceRunner, factory: ConformanceFactory): void {
	// Functions may be both: node:test's own `test` is a runner.
	const { test } = (runner ?? {}) as Partial<ConformanceRunner>;
	if (typeof test !== "function") throw invalid("runner.test", "must be a function");
	const { open } = (factory ?? {}) as Partial<ConformanceFactory>;
	if (typeof open !== "function") throw invalid("factory.open", "must be a function");
	optionalFunction("factory.reopen", factory.reopen);
	optionalFunction("factory.second", factory.second);
	for (const [part, groups] of PARTS) {
		for (const { name, needs = [], run } of groups.flat()) {
			runner.test(`${part}: ${name}`, async (t) => {
				const host = await made("open", factory.open());
				const setting = new Setting(host, factory, (reason) => t.skip(reason));
				try {
					for (const rule of needs) {
						const reason = rule(host, factory);
						if (reason === undefined) continue;
						t.skip(reason);
						return;
					}
					await run(setting);
				} finally {
					await setting.close();
				}
			});
		}
	}
}
