import { closedError, StreamkitError } from "../../errors.js";
import { type About, aboutOf } from "./birth.js";
import { ConnectionLost, failure, foreign, gone, openingFailure } from "./errors.js";
import { createStores, hasStores, VERSION } from "./schema.js";

// A deletion or an upgrade that somebody else's connection holds up would be waited for without end.
const OPENING_MILLISECONDS = 30_000;

/** A connection to one database that is opened again when the browser or another tab has ended it. */
export class Connection {
	readonly #factory: IDBFactory;
	readonly #database: string;
	#db: IDBDatabase | undefined;
	#opening: Promise<IDBDatabase> | undefined;
	#closing: Promise<void> | undefined;
	/** Set by the first opening. Any other database of that name holds other data. */
	#about: About | undefined;
	#gone = false;
	readonly #running = new Set<Promise<unknown>>();

	constructor(factory: IDBFactory, database: string) {
		this.#factory = factory;
		this.#database = database;
	}

	/** Opens the database, creating it if it is missing, and tells of it. */
	async open(): Promise<About> {
		await this.#open();
		return this.#about as About;
	}

	/** @throws CLOSED */
	requireOpen(): void {
		if (this.#closing !== undefined) throw closedError(`the host of database "${this.#database}"`);
	}

	/** Does the work on an open connection; once more on a new one where nothing was done because the first was lost. */
	run<T>(doing: string, work: (db: IDBDatabase) => Promise<T>): Promise<T> {
		const result = this.#run(doing, work);
		this.#running.add(result);
		const forget = (): void => {
			this.#running.delete(result);
		};
		result.then(forget, forget);
		return result;
	}

	async #run<T>(doing: string, work: (db: IDBDatabase) => Promise<T>): Promise<T> {
		for (let again = true; ; again = false) {
			this.requireOpen();
			const db = this.#db ?? (await this.#open());
			try {
				return await work(db);
			} catch (error) {
				const problem = failure(error, this.#database, doing, false);
				// Neither a lack of room nor a damaged value is the connection's fault. What else failed is not trusted again.
				if (problem.code === "UNAVAILABLE") this.#forget(db);
				if (!(error instanceof ConnectionLost) || !again) throw problem;
			}
		}
	}

	#open(): Promise<IDBDatabase> {
		if (this.#gone) return Promise.reject(gone(this.#database));
		this.#opening ??= this.#connect().finally(() => {
			this.#opening = undefined;
		});
		return this.#opening;
	}

	async #connect(): Promise<IDBDatabase> {
		const db = await this.#request();
		try {
			this.requireOpen();
			if (!hasStores(db)) throw foreign(this.#database, "belongs to another program");
			// From here on: an upgrade or a deletion elsewhere must not wait for this connection.
			const forget = (): void => this.#forget(db);
			db.onversionchange = forget;
			db.onclose = forget;
			// A page that is frozen hears of neither. It is the document's event, on its way there.
			globalThis.addEventListener?.("freeze", forget, true);
			const about = await aboutOf(db);
			this.requireOpen();
			this.#about ??= about;
			if (this.#about.birth !== about.birth) {
				this.#gone = true;
				throw gone(this.#database);
			}
		} catch (error) {
			this.#forget(db);
			throw failure(error, this.#database, "opening", false);
		}
		this.#db = db;
		return db;
	}

	#request(): Promise<IDBDatabase> {
		return new Promise((resolve, reject) => {
			let request: IDBOpenDBRequest;
			try {
				request = this.#factory.open(this.#database, VERSION);
			} catch (error) {
				reject(openingFailure(error, this.#database));
				return;
			}
			let late = false;
			const timer = setTimeout(() => {
				late = true;
				reject(
					new StreamkitError("UNAVAILABLE", `database "${this.#database}": opening took too long`, {
						details: { database: this.#database, applied: false },
					}),
				);
			}, OPENING_MILLISECONDS);
			let upgrade: IDBTransaction | null = null;
			request.onupgradeneeded = () => {
				upgrade = request.transaction;
				if (this.#about === undefined && !late) {
					createStores(request.result);
					return;
				}
				// Undone, so that nothing is left behind of a database that nobody asked for.
				this.#gone = this.#about !== undefined;
				upgrade?.abort();
			};
			request.onsuccess = () => {
				clearTimeout(timer);
				if (late) request.result.close();
				else resolve(request.result);
			};
			request.onerror = (event) => {
				clearTimeout(timer);
				// The promise tells; browsers would report it once more.
				event.preventDefault();
				// Why there was no room to make the database is known to the transaction alone.
				const reason = upgrade?.error ?? request.error;
				reject(this.#gone ? gone(this.#database) : openingFailure(reason, this.#database));
			};
		});
	}

	#forget(db: IDBDatabase): void {
		if (this.#db === db) this.#db = undefined;
		globalThis.removeEventListener?.("freeze", db.onclose as () => void, true);
		// Transactions that are under way come to their end.
		db.close();
	}

	/** Ends the connection, and waits for what is under way. */
	close(): Promise<void> {
		this.#closing ??= (async () => {
			const opening = this.#opening;
			if (this.#db !== undefined) this.#forget(this.#db);
			await Promise.allSettled([...this.#running, opening]);
		})();
		return this.#closing;
	}
}
