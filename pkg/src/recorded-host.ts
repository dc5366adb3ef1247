import { compareBytes } from "./bytes.js";
import { borrows, type HostBatch, type HostKv } from "./host.js";
import { LexKey } from "./lexkey.js";

/** The one row that opening a store writes. */
const IDENTITY = LexKey.encode("INV", "STORE").bytes;

function isOpening({ puts, deletes }: HostBatch): boolean {
	const [first] = puts;
	return first !== undefined && puts.length === 1 && deletes.length === 0 && compareBytes(first.key, IDENTITY) === 0;
}

/** A host of which it is recorded that something is stored there, before it is. Opening a store is no reason yet. */
export function recordedHost(host: HostKv, isRecorded: () => boolean, record: () => Promise<void>): HostKv {
	// The second may wait, so it does not say that it borrows.
	const commit = Object.assign((batch: HostBatch) => host.commit(batch), { borrows: borrows(host) });
	const recording: HostKv["commit"] = (batch) =>
		isOpening(batch) ? commit(batch) : record().then(() => commit(batch));
	const { name, limits, watch, notify, health, recoveryInterval } = host;
	return {
		name,
		limits,
		get: (keys) => host.get(keys),
		scan: (range) => host.scan(range),
		get commit() {
			return isRecorded() ? commit : recording;
		},
		...(watch === undefined ? {} : { watch: (changed) => watch.call(host, changed) }),
		...(notify === undefined ? {} : { notify: () => notify.call(host) }),
		...(health === undefined ? {} : { health: () => health.call(host) }),
		...(recoveryInterval === undefined ? {} : { recoveryInterval }),
	};
}
