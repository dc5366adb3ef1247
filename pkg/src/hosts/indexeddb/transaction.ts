import type { Durability } from "../../types.js";
import { ConnectionLost, isDamage } from "./errors.js";
import { ROWS } from "./schema.js";

/** A transaction over the rows. Its first request must follow at once: browsers commit one that waits for nothing. */
export function begin(db: IDBDatabase, mode: IDBTransactionMode, durability?: Durability): IDBTransaction {
	try {
		return durability === undefined ? db.transaction(ROWS, mode) : db.transaction(ROWS, mode, { durability });
	} catch (error) {
		// The connection is closing or closed, of which some browsers never tell.
		throw new ConnectionLost("", { cause: error });
	}
}

/**
 * Calls one of the two when the transaction ends. Chromium ends a transaction whose connection it closes itself with
 * neither of its events, but tells the connection.
 */
export function onEnd(transaction: IDBTransaction, completed: () => void, aborted: (error: unknown) => void): void {
	const { db } = transaction;
	const closed = (): void => end(() => aborted(new Error("the browser closed the connection")));
	const end = (tell: () => void): void => {
		db.removeEventListener("close", closed);
		tell();
	};
	db.addEventListener("close", closed);
	transaction.oncomplete = () => end(completed);
	transaction.onabort = () => end(() => aborted(transaction.error));
}

/**
 * Runs the requests of one reading transaction, each issued from the answer of the one before. An error that tells of
 * damage is thrown as it is.
 */
export function reading<T>(
	db: IDBDatabase,
	work: (rows: IDBObjectStore, resolve: (answer: T) => void, reject: (error: unknown) => void) => void,
): Promise<T> {
	return new Promise((resolve, reject) => {
		const transaction = begin(db, "readonly");
		onEnd(
			transaction,
			() => {},
			(cause) => reject(isDamage(cause) ? cause : new ConnectionLost("", { cause })),
		);
		work(transaction.objectStore(ROWS), resolve, reject);
	});
}
