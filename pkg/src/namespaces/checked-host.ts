import type { HostBatch, HostCommit, HostKv, HostLimits, ScanPage, ScanRange } from "../host.js";
import { answerChecks, hostCall } from "../hosts/answers.js";

/**
 * A host as the engine sees it, for calls that are made without the engine: each ends in time, in an answer or an
 * error.
 */
export interface CheckedHost {
	readonly limits: HostLimits;
	get(key: Uint8Array<ArrayBuffer>): Promise<Uint8Array | undefined>;
	scan(range: ScanRange): Promise<ScanPage>;
	commit(batch: HostBatch): Promise<HostCommit>;
}

/** Calls of a host have that many milliseconds; 0: all the time. */
export function checkedHost(host: HostKv, hostTimeout: number): CheckedHost {
	const check = answerChecks(host);
	return {
		limits: host.limits,
		get: async (key) => check.get(await hostCall(host, "get", hostTimeout, () => host.get([key])), 1)[0],
		scan: async (range) => check.scan(await hostCall(host, "scan", hostTimeout, () => host.scan(range)), range),
		commit: async (batch) =>
			check.commit(await hostCall(host, "commit", hostTimeout, () => host.commit(batch)), batch.checks.length),
	};
}
