import { type Bytes, equalBytes, sameBytes } from "../common/bytes.js";
import { StreamkitError } from "../errors.js";
import type { HostBatch, HostKv } from "../host.js";
import { LexKey } from "../lexkey.js";
import type { Durability } from "../types.js";
import type { CheckedHost } from "./checked-host.js";

/**
 * Stands in a host whose rows are being removed, or which is looked at for that, and says by which deletion: each
 * commit of that checks it, and stores commit nothing beside it.
 */
const MARK = LexKey.encode("NSD").bytes;
/** What every commit of a store checks. */
export const UNMARKED: HostBatch["checks"][number] = { key: MARK, value: undefined };
/** Above every key that the engine writes: those start with a letter. */
const END: Bytes = new Uint8Array([0xff]);
const PAGE = 500;
/** Others come in between now and then, not without end. */
const TRIES = 20;

/** Whether a host can refuse to go on with a deletion that others have finished meanwhile. */
export function guards({ limits }: Pick<HostKv, "limits">): boolean {
	return limits.atomic === "store" && limits.checks;
}

/** Where a namespace's rows are, and what becomes of them. */
export interface Rows {
	readonly host: CheckedHost;
	readonly durability: Durability;
	/** The deletion that the namespace is in, if it is. */
	readonly current: () => Promise<Uint8Array | undefined>;
}

/** Keeps whoever is still busy with an earlier deletion of a host's rows from removing any more. */
export async function endRemovals({ host, durability, current }: Rows): Promise<void> {
	if (!guards(host)) return;
	for (let left = TRIES; left > 0; left--) {
		const mark = (await host.get(MARK)) as Bytes | undefined;
		// In this order: a deletion is current before it puts its mark, so one that is not by now is over.
		if (mark === undefined || sameBytes(await current(), mark)) return;
		const checks = [{ key: MARK, value: mark }];
		if ((await host.commit({ checks, deletes: [MARK], puts: [], durability })).applied) return;
	}
	throw contended();
}

/** A deletion of all rows of a host. */
export interface Removal extends Rows {
	/** Tells it from other deletions of the same rows. */
	readonly id: Bytes;
}

/**
 * Puts the mark of a deletion, which stays as long as that is current: stores commit nothing from here on, on a host
 * that has checked commits of any rows. False when the deletion is over.
 */
export async function markRows({ host, id, durability, current }: Removal): Promise<boolean> {
	const wanted = async (): Promise<boolean> => sameBytes(await current(), id);
	if (!guards(host)) return wanted();
	for (let left = TRIES; left > 0; left--) {
		const found = (await host.get(MARK)) as Bytes | undefined;
		const isMarked = sameBytes(found, id);
		// In this order: while this one is current, what another has left is of one that is over; and before the name is
		// used again the mark is taken away, and it does not come back.
		if (!(await wanted())) {
			if (isMarked) await host.commit({ checks: [{ key: MARK, value: id }], deletes: [MARK], puts: [], durability });
			return false;
		}
		if (isMarked) return true;
		await host.commit({
			checks: [{ key: MARK, value: found }],
			deletes: [],
			puts: [{ key: MARK, value: id }],
			durability,
		});
	}
	throw contended();
}

/**
 * Removes every row of a host, beside others that take part in the same deletion. False when it was finished by others.
 * On a host without checked commits of any rows, one that is held up in the middle of a commit until others have
 * finished it and stored something new may remove one row of that.
 */
export async function removeRows(removal: Removal): Promise<boolean> {
	const { host, id, current } = removal;
	if (!guards(host)) return removePages(removal, [], async () => sameBytes(await current(), id));
	for (let left = TRIES; left > 0; left--) {
		if (!(await markRows(removal))) return false;
		if (await removePages(removal, [{ key: MARK, value: id }], async () => true)) return true;
	}
	throw contended();
}

/** False as soon as a check fails, or it is not wanted any more. */
async function removePages(
	{ host, durability }: Removal,
	checks: HostBatch["checks"],
	wanted: () => Promise<boolean>,
): Promise<boolean> {
	const { maxBatchOps, maxBatchBytes, atomic } = host.limits;
	// A host may count checks as well.
	const most = atomic === "store" ? Math.max(maxBatchOps - checks.length, 1) : 1;
	const checked = checks.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0);
	let start: Bytes = new Uint8Array(0);
	for (;;) {
		const page = await host.scan({ start, end: END, limit: PAGE, keysOnly: true });
		const keys = page.keys.filter((key) => !checks.some((check) => equalBytes(check.key, key)));
		for (let from = 0; from < keys.length; ) {
			const deletes: Bytes[] = [];
			let bytes = checked;
			for (const key of keys.slice(from, from + most)) {
				bytes += key.length;
				if (deletes.length > 0 && bytes > maxBatchBytes) break;
				deletes.push(key as Bytes);
			}
			if (!(await wanted())) return false;
			// As lasting as what is said of the namespace afterwards: the rows must not come back under a new one.
			if (!(await host.commit({ checks, deletes, puts: [], durability })).applied) return false;
			from += deletes.length;
		}
		const last = page.keys[page.keys.length - 1];
		if (!page.more || last === undefined) return true;
		// Not from the start: a host may go on to list for a while what is deleted.
		start = keyAfter(last);
	}
}

function contended(): StreamkitError {
	return new StreamkitError("CONFLICT", "others keep deleting and creating this namespace");
}

/** The least key above another. */
export function keyAfter(key: Uint8Array): Bytes {
	return new Uint8Array([...key, 0]);
}
