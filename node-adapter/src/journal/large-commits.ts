/** Where a relaxed commit goes. */
type Way = "journal" | "database";

// Smaller ones are worth the journal on any disk.
const LARGE_BYTES = 256 * 1024;
// Less is no measure of a disk.
const ROUND_BYTES = 8 * 1024 * 1024;
// The way that was slower is tried again after so many rounds of the other.
const RETRY_ROUNDS = 32;

/**
 * Which way large relaxed commits go. By way of the journal they are written twice, and flushed many at a time; the
 * database flushes each. What is faster is the disk's affair, so both ways are timed, a round each: then goes the
 * faster one, and now and then a round the other.
 */
export class LargeCommits {
	#way: Way = "journal";
	/** Milliseconds a byte. The last round of each counts half, the one before a quarter: one stall does not turn all. */
	readonly #costs: Record<Way, number | undefined> = { journal: undefined, database: undefined };
	/** Since the way changed. */
	#rounds = 0;
	/** Of this round. */
	#bytes = 0;
	#milliseconds = 0;

	/** The way of a commit of so many bytes. */
	wayOf(bytes: number): Way {
		return bytes < LARGE_BYTES ? "journal" : this.#way;
	}

	/** A commit of so many bytes went to the journal, and took so long. */
	journaled(bytes: number, milliseconds: number): void {
		if (bytes >= LARGE_BYTES) this.#count(bytes, milliseconds);
	}

	/** A commit of so many bytes, with what it took along from the journal, went to the database and took so long. */
	stored(bytes: number, milliseconds: number): void {
		if (this.#way === "database") {
			if (bytes < LARGE_BYTES) return;
			this.#count(bytes, milliseconds);
			if (this.#bytes >= ROUND_BYTES) this.#endRound(this.#bytes);
			return;
		}
		this.#milliseconds += milliseconds;
		// What is mostly small commits, or was brought to the disk early, tells nothing of large ones.
		if (bytes >= ROUND_BYTES && this.#bytes >= bytes / 2) this.#endRound(bytes);
		else this.#begin("journal");
	}

	#count(bytes: number, milliseconds: number): void {
		this.#bytes += bytes;
		this.#milliseconds += milliseconds;
	}

	#endRound(bytes: number): void {
		const other = this.#way === "journal" ? "database" : "journal";
		const otherCost = this.#costs[other];
		const before = this.#costs[this.#way];
		const now = this.#milliseconds / bytes;
		const cost = before === undefined ? now : (before + now) / 2;
		this.#costs[this.#way] = cost;
		this.#rounds++;
		if (otherCost !== undefined && otherCost >= cost && this.#rounds < RETRY_ROUNDS) {
			this.#begin(this.#way);
			return;
		}
		// What is known of it is old.
		this.#costs[other] = undefined;
		this.#rounds = 0;
		this.#begin(other);
	}

	#begin(way: Way): void {
		this.#way = way;
		this.#bytes = 0;
		this.#milliseconds = 0;
	}
}
