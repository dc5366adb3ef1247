import { randomUuid } from "../../common/bytes.js";
import { emptied } from "./failures.js";
import type { Place } from "./places.js";
import type { Session } from "./session.js";

/** The property that names the table. */
const ID = "id";

/**
 * Tells the table that a host works on from one that was made anew under its name, by a row of the host's own: going on
 * in that one would give out positions twice. The row is looked at again where one is missing that was there.
 */
export class Birth {
	readonly #place: Place;
	#looked = false;
	/** undefined: the table has no such row, or nobody has looked yet. */
	#id: string | undefined;
	#over = false;

	constructor(place: Place) {
		this.#place = place;
	}

	/** @throws UNAVAILABLE once the table was found to be another one. */
	require(): void {
		if (this.#over) throw emptied();
	}

	/** Before anything is read: what is remembered must not be older than this. */
	async learn(session: Session): Promise<void> {
		if (this.#looked) return;
		this.#take(await this.#read(session));
		this.#looked = true;
	}

	/** Before a commit that checks anything. Names a table that has no name yet. */
	async settle(session: Session): Promise<void> {
		await this.learn(session);
		if (this.#id !== undefined) return;
		const { partition: partitionKey, row: rowKey } = this.#place;
		const id = randomUuid();
		try {
			await session.repeat((abortSignal) =>
				session.client.submitTransaction([["create", { partitionKey, rowKey, [ID]: id }]], { abortSignal }),
			);
			this.#take(id);
		} catch (error) {
			if (session.failure(error).kind !== "conflict") throw error;
			// Another host was first, or this one with an answer that was lost.
			this.#take(await this.#read(session));
		}
	}

	/** A row is missing that was there. @throws UNAVAILABLE where that is because the table is another one. */
	async confirm(session: Session): Promise<void> {
		if (this.#id === undefined || (await this.#read(session)) === this.#id) return;
		this.#over = true;
		throw emptied();
	}

	/** undefined says nothing: a look that began before the table was named may end after that. */
	#take(id: string | undefined): void {
		if (this.#id !== undefined && id !== undefined && this.#id !== id) {
			this.#over = true;
			throw emptied();
		}
		this.#id ??= id;
	}

	async #read(session: Session): Promise<string | undefined> {
		const entity = await session.entity(this.#place.partition, this.#place.row);
		return entity === undefined ? undefined : String(entity[ID]);
	}
}
