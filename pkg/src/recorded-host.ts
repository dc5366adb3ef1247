import { compareBytes } from "./bytes.js";
import type { HostBatch, HostKv } from "./host.js";
import { LexKey } from "./lexkey.js";

/** The one row that opening a store writes. */
const IDENTITY = LexKey.encode("INV", "STORE").bytes;

function isOpening({ puts, deletes }: HostBatch): boolean {
	const [first] = puts;
	return first !== undefined && puts.length === 1 && deletes.length === 0 && compareBytes(first.key, IDENTITY) === 0;
}

/** A host of which it is recorded that something is stored there, before it is. Opening a store is no reason yet. */
export function recordedHost(host: HostKv, isRecorded: () => boolean, record: () => Promise<void>): HostKv {
	const { name, limits, watch, notify, health, recoveryInterval } = host;
	return {
		name,
		limits,
		// Where it is recorded first, a commit waits.
		get borrows() {
			return host.borrows === true && isRecorded();
		},
		get: (keys) => host.get(keys),
		scan: (range) => host.scan(range),
		commit: (batch) =>
			isRecorded() || isOpening(batch) ? host.commit(batch) : record().then(() => host.commit(batch)),
		...(watch === undefined ? {} : { watch: (changed) => watch.call(host, changed) }),
		...(notify === undefined ? {} : { notify: () => notify.call(host) }),
		...(health === undefined ? {} : { health: () => health.call(host) }),
		...(recoveryInterval === undefined ? {} : { recoveryInterval }),
	};
}
