import { compareBytes } from "../common/bytes.js";
import { borrows, type HostBatch, type HostCommit, type HostKv, type HostLimits } from "../host.js";
import { isPromise } from "../hosts/answers.js";
import { LexKey } from "../lexkey.js";
import type { MaybePromise } from "../types.js";
import { guards, UNMARKED } from "./rows.js";

/** The one row that opening a store writes. */
const IDENTITY = LexKey.encode("INV", "STORE").bytes;

function isOpening({ puts, deletes }: HostBatch): boolean {
	const [first] = puts;
	return first !== undefined && puts.length === 1 && deletes.length === 0 && compareBytes(first.key, IDENTITY) === 0;
}

/** Below these a store is refused. */
const LEAST_OPS = 16;
const LEAST_BYTES = 16 << 10;

/** What is left of one commit for a store, beside the check that it is given. */
function lessACheck(limits: HostLimits): HostLimits {
	const { maxBatchOps, maxBatchBytes } = limits;
	return {
		...limits,
		maxBatchOps: Math.max(maxBatchOps - 1, Math.min(maxBatchOps, LEAST_OPS)),
		maxBatchBytes: Math.max(maxBatchBytes - UNMARKED.key.length, Math.min(maxBatchBytes, LEAST_BYTES)),
	};
}

/** What keeps record of a namespace. */
export interface Recording {
	/** Whether it is recorded, and a commit need not wait. */
	isRecorded(): boolean;
	/** Commits once it is recorded. */
	record(commit: () => MaybePromise<HostCommit>): Promise<HostCommit>;
	/** Is given every commit that takes a while. */
	underWay(commit: Promise<HostCommit>): void;
	/** Is told that it is being deleted, and gives the error that says so. */
	refused(): Error;
}

/**
 * A host of which it is recorded that something is stored there, before it is, and which stores nothing while its rows
 * are marked as being removed. Opening a store is no reason yet.
 */
export function recordedHost(host: HostKv, recording: Recording): HostKv {
	const isGuarded = guards(host);
	const unmarked = (batch: HostBatch): MaybePromise<HostCommit> => {
		if (!isGuarded) return host.commit(batch);
		const { length } = batch.checks;
		const answered = (answer: HostCommit): HostCommit => {
			// Answers are looked at by the engine: this may be anything.
			if (answer?.applied === false && answer.check === length) throw recording.refused();
			return answer;
		};
		const answer = host.commit({ ...batch, checks: [...batch.checks, UNMARKED] });
		return isPromise(answer) ? Promise.resolve(answer).then(answered) : answered(answer);
	};
	const now = (batch: HostBatch): MaybePromise<HostCommit> => {
		const answer = unmarked(batch);
		if (isPromise(answer)) recording.underWay(answer);
		return answer;
	};
	// The second may wait, so it does not say that it borrows.
	const commit = Object.assign(now, { borrows: borrows(host) });
	const later: HostKv["commit"] = (batch) =>
		isOpening(batch) ? host.commit(batch) : recording.record(() => commit(batch));
	const { name, limits, watch, notify, health } = host;
	return {
		name,
		limits: isGuarded ? lessACheck(limits) : limits,
		get: (keys) => host.get(keys),
		scan: (range) => host.scan(range),
		get commit() {
			return recording.isRecorded() ? commit : later;
		},
		// It may change: a host that is over wants no looks any more.
		get recoveryInterval() {
			return host.recoveryInterval ?? 0;
		},
		...(watch === undefined ? {} : { watch: (changed) => watch.call(host, changed) }),
		...(notify === undefined ? {} : { notify: () => notify.call(host) }),
		...(health === undefined ? {} : { health: () => health.call(host) }),
	};
}
