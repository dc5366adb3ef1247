import { isContent } from "./content.js";
import { ABOUT, BIRTH, ROWS } from "./schema.js";
import { onEnd } from "./transaction.js";

export interface About {
	/** The name that the database got when it was made. */
	readonly birth: string;
	/** Whether a user had stored something in it. */
	readonly hasContent: boolean;
}

/** What is to be known of a database that is opened, in one transaction: it may be deleted after it. */
export function aboutOf(db: IDBDatabase): Promise<About> {
	return new Promise((resolve, reject) => {
		const transaction = db.transaction([ABOUT, ROWS]);
		const birth = transaction.objectStore(ABOUT).get(BIRTH);
		const keys = transaction.objectStore(ROWS).getAllKeys(null, 2);
		const hasContent = (): boolean => keys.result.some((key) => isContent(new Uint8Array(key as ArrayBuffer)));
		onEnd(transaction, () => resolve({ birth: String(birth.result), hasContent: hasContent() }), reject);
	});
}
