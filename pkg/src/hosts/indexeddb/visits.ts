/**
 * Remembers outside of IndexedDB which database was there, so that its disappearance is noticed. Browsers that remove
 * an origin's IndexedDB to make room may leave its localStorage; workers have none, and notice nothing.
 */
export class Visits {
	readonly #storage: Storage | undefined;
	readonly #key: string;
	#noted = false;

	constructor(database: string) {
		this.#storage = localStorageIfAny();
		this.#key = `streamkit:${database}`;
	}

	get supported(): boolean {
		return this.#storage !== undefined;
	}

	/** Whether another database than this one was there at the last visit. */
	anotherWas(birth: string): boolean {
		const last = this.#last();
		return last !== undefined && last !== birth;
	}

	/** Whether it is remembered that this one was there. */
	knows(birth: string): boolean {
		return this.#last() === birth;
	}

	#last(): string | undefined {
		try {
			return this.#storage?.getItem(this.#key) ?? undefined;
		} catch {
			return undefined;
		}
	}

	/** From now on this database is the one that should be there. */
	note(birth: string): void {
		if (this.#noted) return;
		this.#noted = true;
		try {
			if (this.#storage?.getItem(this.#key) !== birth) this.#storage?.setItem(this.#key, birth);
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
