/**
 * Remembers outside of IndexedDB which database was there, so that its disappearance is noticed. Browsers that remove
 * an origin's IndexedDB to make room may leave its localStorage; workers have none, and notice nothing.
 */
export class Visits {
	readonly #storage: Storage | undefined;
	readonly #key: string;
	readonly #birth: string;
	#noted = false;

	/** birth: the name that the database of today got when it was made. */
	constructor(database: string, birth: string) {
		this.#storage = localStorageIfAny();
		this.#key = `streamkit:${database}`;
		this.#birth = birth;
	}

	get supported(): boolean {
		return this.#storage !== undefined;
	}

	/** Whether another database than this one was there at the last visit. */
	anotherWas(): boolean {
		try {
			return (this.#storage?.getItem(this.#key) ?? this.#birth) !== this.#birth;
		} catch {
			return false;
		}
	}

	/** From now on this database is the one that should be there. */
	note(): void {
		if (this.#noted) return;
		this.#noted = true;
		try {
			if (this.#storage?.getItem(this.#key) !== this.#birth) this.#storage?.setItem(this.#key, this.#birth);
		} catch {
			// No room, or taken away meanwhile: then it is not noticed.
		}
	}
}

function localStorageIfAny(): Storage | undefined {
	try {
		return (globalThis as { localStorage?: Storage }).localStorage ?? undefined;
	} catch {
		// Some browsers throw where storage is off.
		return undefined;
	}
}
