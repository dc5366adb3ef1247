import { openSync, readSync, writeSync } from "node:fs";

// The lock file of LMDB begins with a magic number and a format, and then the number of the latest commit.
const MAGIC = 0xbeefc0de;
const COMMIT_AT = 8;
const BYTES = 16;

/**
 * Corrects the number of the latest commit in a lock file, to be called in a write transaction, which then has to begin
 * anew. A process that opens an environment reads the number of the latest commit from the data, and writes it there
 * without waiting for whoever commits meanwhile; the next transaction would build on an older state, and take the place
 * of that commit.
 *
 * The file stays open until the process ends: closing it would take LMDB's locks from this process. It is needed where
 * an opening and a commit of two processes fall within microseconds.
 */
export function correctLatestCommit(lockFile: string, stale: number, latest: number): void {
	const handle = openSync(lockFile, "r+");
	const bytes = new DataView(new ArrayBuffer(BYTES));
	const read = readSync(handle, bytes, 0, BYTES, 0);
	const isThere = read === BYTES && bytes.getUint32(0, true) === MAGIC;
	if (!isThere || bytes.getBigUint64(COMMIT_AT, true) !== BigInt(stale)) {
		throw new Error("LMDB's lock file does not have the commit that a transaction began from");
	}
	bytes.setBigUint64(COMMIT_AT, BigInt(latest), true);
	writeSync(handle, bytes, COMMIT_AT, BYTES - COMMIT_AT, COMMIT_AT);
}
