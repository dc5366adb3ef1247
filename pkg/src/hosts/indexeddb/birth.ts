import { ABOUT, BIRTH } from "./schema.js";
import { onEnd } from "./transaction.js";

/** The name that the database got when it was made. */
export function birthOf(db: IDBDatabase): Promise<string> {
	return new Promise((resolve, reject) => {
		const transaction = db.transaction(ABOUT);
		const request = transaction.objectStore(ABOUT).get(BIRTH);
		onEnd(transaction, () => resolve(String(request.result)), reject);
	});
}
