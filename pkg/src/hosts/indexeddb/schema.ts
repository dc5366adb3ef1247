import { randomUuid } from "../../common/bytes.js";

/** The version of what is in a database. */
export const VERSION = 1;
/** Every row of the store: keys and values are the engine's bytes as they are. */
export const ROWS = "rows";

/** What is known about the database itself. */
export const ABOUT = "about";
/** The name that the database got when it was made: another one of the same name has another. */
export const BIRTH = "birth";

/** Makes the object stores of a new database, and gives it a name of its own by which it is known again. */
export function createStores(db: IDBDatabase): void {
	db.createObjectStore(ROWS);
	db.createObjectStore(ABOUT).put(randomUuid(), BIRTH);
}

/** Whether the database has the object stores of this version. */
export function hasStores(db: IDBDatabase): boolean {
	return db.objectStoreNames.contains(ROWS) && db.objectStoreNames.contains(ABOUT);
}
